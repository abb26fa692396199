"""Status objects: the Kubernetes API's errors, in its own words."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from homelab_tui.demo.objects import Kind, Object

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class ApiError(Exception):
    """An answer of the API that is not a success."""

    def __init__(self, code: int, message: str, reason: str | None = None, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status(code, message, reason, details)

    def response(self) -> web.Response:
        """The HTTP answer."""
        return answer(self.status, self.code, retry_after=self.code == 429)


def status(code: int, message: str, reason: str | None = None, details: Object | None = None) -> Object:
    """A Failure as a Status object. `reason`: None is the code's own, an empty one is left out."""
    body: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason != "":
        body["reason"] = reason or _REASONS.get(code, "Unknown")
    if details is not None:
        body["details"] = details
    return body | {"code": code}


def success(kind: Kind, name: str, uid: str) -> Object:
    """What a delete answers when the object is gone at once."""
    details = {"name": name, "group": kind.group, "kind": kind.resource, "uid": uid}
    if not kind.group:
        del details["group"]
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def answer(body: object, code: int = 200, *, warning: str | None = None, retry_after: bool = False) -> web.Response:
    """JSON as the API server sends it."""
    headers = {"Cache-Control": "no-cache, private"}
    if warning:
        headers["Warning"] = f'299 - "{warning}"'
    if retry_after:
        headers["Retry-After"] = "1"
    return web.Response(body=msgspec.json.encode(body), status=code, content_type="application/json", headers=headers)


def not_found(kind: Kind, name: str) -> ApiError:
    """404 for a named object."""
    return ApiError(404, f'{kind.qualified} "{name}" not found', details=_details(kind, name))


def no_such_path() -> web.Response:
    """404 for a path that the API does not have."""
    return web.Response(text="404 page not found\n", status=404)


def exists(kind: Kind, name: str) -> ApiError:
    """409 for a name that is taken."""
    return ApiError(409, f'{kind.qualified} "{name}" already exists', "AlreadyExists", _details(kind, name))


def conflict(kind: Kind, name: str, why: str, *, by_kind: bool = False) -> ApiError:
    """409 for a failed precondition. `by_kind`: the delete path says `Job.batch` where others say `jobs.batch`."""
    what = kind.qualified.replace(kind.resource, kind.kind, 1) if by_kind else kind.qualified
    details = _details(kind, name) | ({"kind": kind.kind} if by_kind else {})
    return ApiError(409, f'Operation cannot be fulfilled on {what} "{name}": {why}', details=details)


def invalid(kind: Kind, name: str, field: str, why: str, reason: str = "FieldValueInvalid") -> ApiError:
    """422 for one bad field."""
    what = kind.qualified.replace(kind.resource, kind.kind, 1)
    details: Object = ({"name": name} if name else {}) | {"group": kind.group, "kind": kind.kind}
    details["causes"] = [{"reason": reason, "message": why, "field": field}]
    return ApiError(422, f'{what} "{name}" is invalid: {field}: {why}', details=details)


def _details(kind: Kind, name: str) -> Object:
    details = {"name": name, "kind": kind.resource}
    return details | ({"group": kind.group} if kind.group else {})


def query_integer(query: Mapping[str, str], name: str) -> int:
    """A number of the query; 0 when it is not there. Raises: ApiError 400."""
    text = query.get(name) or "0"
    try:
        return int(text)
    except ValueError as error:
        raise ApiError(400, f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
