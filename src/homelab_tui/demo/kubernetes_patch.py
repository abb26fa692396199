"""The patches that the demo's Kubernetes API takes: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge."""

from collections.abc import Callable
from typing import Any

import msgspec

from homelab_tui.demo.kubernetes_schema import PATCH_SETS, patch_key
from homelab_tui.demo.kubernetes_status import ApiError
from homelab_tui.demo.objects import Object, copied

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
"""No application/apply-patch+yaml: the lab is as a server with server-side apply switched off."""
MAX_OPERATIONS = 10_000
_DIRECTIVE, _RETAIN, _DELETE_FROM, _ORDER = "$patch", "$retainKeys", "$deleteFromPrimitiveList/", "$setElementOrder/"
Node = Any
"""A part of a JSON document. Any: a patch may put anything anywhere."""


def patcher(content_type: str, raw: bytes) -> Callable[[Object], Object]:
    """What turns an object into the patched one; it may change what it is given.

    Raises: ApiError 415 for a type that the server does not speak, 400 for a body that is no patch. The function
    raises ApiError 400, 422 or 500 for a patch that does not fit the object, as the real server does.
    """
    if content_type not in PATCH_TYPES:
        raise ApiError(
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(PATCH_TYPES),
        )
    try:
        patch = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"error decoding patch: {error}") from error
    if content_type == JSON_PATCH:
        return _json_patcher(patch)
    if not isinstance(patch, dict):
        what = "array" if isinstance(patch, list) else "string" if isinstance(patch, str) else "number"
        raise ApiError(400, f"json: cannot unmarshal {what} into Go value of type map[string]interface {{}}")
    if content_type == MERGE_PATCH:
        return lambda body: merged(body, patch)
    return lambda body: _strategic(body, copied(patch), "")


def merged(base: Object, patch: Object) -> Object:
    """RFC 7386: null removes, an object goes deeper, everything else replaces."""
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        elif isinstance(value, dict):
            inner = base.get(name)
            base[name] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            base[name] = value
    return base


# -- JSON patch --------------------------------------------------------------------------------------------------------


class _Unfit(Exception):
    """An operation that the document does not allow; the text is the server's."""


def _json_patcher(patch: Node) -> Callable[[Object], Object]:
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        what = "object" if isinstance(patch, dict) else "array element" if isinstance(patch, list) else "value"
        raise ApiError(400, f"json: cannot unmarshal {what} into Go value of type jsonpatch.Patch")
    if len(patch) > MAX_OPERATIONS:
        why = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}"
        raise ApiError(413, f"Request entity is too large: {why}")

    def apply(body: Object) -> Object:
        document: Node = body
        for step in patch:
            try:
                document = _operation(document, step)
            except _Unfit as problem:
                raise unprocessable(str(problem)) from problem
        if not isinstance(document, dict):
            raise unprocessable("the patched document is no object")
        return document

    return apply


def unprocessable(message: str) -> ApiError:
    """422 without a field: the patch is well-formed, but not for this object.

    `message` is for the lab's own reader: the API server keeps the patch library's words to itself.
    """
    problem = ApiError(422, "the server rejected our request due to an error in our request", details={})
    problem.add_note(message)
    return problem


def _operation(document: Node, step: Object) -> Node:
    operation, path = step.get("op"), step.get("path")
    if operation not in ("add", "remove", "replace", "move", "copy", "test"):
        raise _Unfit(f"Unexpected kind: {operation}")
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise _Unfit(f"{operation} operation: missing or invalid path")
    if operation == "test":
        if _find(document, path, missing=None) != step.get("value"):
            raise _Unfit(f"testing value {path} failed")
        return document
    if operation == "remove":
        if not path:
            raise _Unfit("remove operation: the whole document")
        return _removed(document, path)
    value = step.get("value")
    if operation in ("move", "copy"):
        source = step.get("from")
        if not isinstance(source, str):
            raise _Unfit(f"{operation} operation: missing from")
        value = _find(document, source)
        value = copied(msgspec.json.encode(value)) if operation == "copy" else value
        document = _removed(document, source) if operation == "move" else document
    elif "value" not in step:
        raise _Unfit(f"{operation} operation: missing value")
    if operation == "replace":
        _find(document, path)
    return _put(document, path, value, insert=operation != "replace")


_MISSING = object()


def _find(document: Node, path: str, missing: Node = _MISSING) -> Node:
    found = document
    for part in _parts(path):
        try:
            found = found[part] if isinstance(found, dict) else found[_index(found, part)]
        except (KeyError, IndexError, TypeError) as error:
            if missing is _MISSING:
                raise _Unfit(f"doc is missing path: {path}") from error
            return missing
    return found


def _put(document: Node, path: str, value: Node, *, insert: bool) -> Node:
    parts = _parts(path)
    if not parts:
        return value
    holder = _find(document, path.rpartition("/")[0])
    if isinstance(holder, dict):
        holder[parts[-1]] = value
    elif isinstance(holder, list) and insert:
        at = len(holder) if parts[-1] == "-" else _index(holder, parts[-1], end=1)
        holder.insert(at, value)
    elif isinstance(holder, list):
        holder[_index(holder, parts[-1])] = value
    else:
        raise _Unfit(f"doc is missing path: {path}")
    return document


def _removed(document: Node, path: str) -> Node:
    _find(document, path)
    holder, last = _find(document, path.rpartition("/")[0]), _parts(path)[-1]
    del holder[last if isinstance(holder, dict) else _index(holder, last)]
    return document


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _index(holder: Node, text: str, end: int = 0) -> int:
    if not isinstance(holder, list) or not text.isdigit() or int(text) >= len(holder) + end:
        raise _Unfit(f"Unable to access invalid index: {text}")
    return int(text)


# -- strategic merge patch ---------------------------------------------------------------------------------------------


def _strategic(base: Object, patch: Object, parent: str) -> Object:
    """The patch on an object that the field (or list) `parent` holds."""
    directive = patch.pop(_DIRECTIVE, None)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise _unknown_directive(directive, patch)
    _retain(base, patch)
    orders = {name: patch.pop(name) for name in list(patch) if name.startswith(_ORDER)}
    for name, value in patch.items():
        if name.startswith(_DELETE_FROM):
            _delete_from(base, name.removeprefix(_DELETE_FROM), value)
        elif value is None:
            base.pop(name, None)
        elif isinstance(value, dict):
            inner = base.get(name)
            base[name] = _strategic(inner if isinstance(inner, dict) else {}, value, name)
        elif isinstance(value, list):
            base[name] = _merged_list(base.get(name), value, name, parent)
        else:
            base[name] = value
    for name, order in orders.items():
        _put_in_order(base, name.removeprefix(_ORDER), order, parent)
    return base


def _merged_list(base: Node, patch: list[Node], name: str, parent: str) -> list[Node]:
    key, old = patch_key(name, parent), base if isinstance(base, list) else []
    if any(isinstance(value, list) for value in patch):
        raise unprocessable("lists of lists are not supported")
    if name in PATCH_SETS:
        return list(dict.fromkeys([*old, *patch]))
    if key is None or not all(isinstance(value, dict) for value in patch):
        return patch
    plain, replaces = [], False
    for element in patch:
        directive = element.get(_DIRECTIVE)
        if directive is None:
            plain.append(element)
        elif directive == "delete":
            gone = _key_of(element, key)
            old = [kept for kept in old if kept.get(key) != gone]
        elif directive == "replace":
            replaces = True
        else:
            raise _unknown_directive(directive, element)
    result = [] if replaces else list(old)
    for element in plain:
        value = _key_of(element, key)
        place = next((at for at, known in enumerate(result) if known.get(key) == value), None)
        if place is None:
            result.append(_strategic({}, element, name))
        else:
            result[place] = _strategic(result[place], element, name)
    return result


def _key_of(element: Object, key: str) -> Node:
    if key not in element:
        shown = " ".join(f"{name}:{value}" for name, value in sorted(element.items()))
        # an error that the API server has no code for
        raise ApiError(500, f"map: map[{shown}] does not contain declared merge key: {key}", "")
    return element[key]


def _unknown_directive(directive: Node, element: Object) -> ApiError:
    shown = " ".join(f"{name}:{value}" for name, value in sorted(element.items()))
    return ApiError(500, f"unknown patch type [{directive}] in map: map[{shown}]", "")


def _retain(base: Object, patch: Object) -> None:
    if _RETAIN not in patch:
        return
    kept = patch.pop(_RETAIN)
    named = (name for name, value in patch.items() if value is not None and not name.startswith((_DELETE_FROM, _ORDER)))
    if not isinstance(kept, list) or any(name not in kept for name in named):
        raise ApiError(400, "invalid patch format of retainKeys")
    for name in [name for name in base if name not in kept]:
        del base[name]


def _delete_from(base: Object, name: str, gone: Node) -> None:
    if not isinstance(gone, list):
        raise ApiError(400, "invalid patch format of primitive list")
    if isinstance(base.get(name), list):
        base[name] = [value for value in base[name] if value not in gone]


def _put_in_order(base: Object, name: str, order: Node, parent: str) -> None:
    """The named elements in that order; the others keep their place behind what they stood behind."""
    if not isinstance(order, list):
        raise ApiError(400, "invalid patch format of setElementOrder list")
    found, key = base.get(name), patch_key(name, parent)
    if not isinstance(found, list):
        return

    def identity(value: Node) -> Node:
        return value.get(key) if isinstance(value, dict) and key else value

    places = {identity(value): at for at, value in enumerate(order)}
    named = iter(sorted((value for value in found if identity(value) in places), key=lambda v: places[identity(v)]))
    base[name] = [next(named) if identity(value) in places else value for value in found]
