"""What the demo Alertmanager refuses, and in which words: compared with Debian's."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from homelab_tui.demo.objects import parse_rfc3339
from homelab_tui.demo.promql_errors import regexp_error
from homelab_tui.demo.silences import Invalid

_SILENCE_NEEDS = ("comment", "createdBy", "endsAt", "matchers", "startsAt")
_MATCHER_NEEDS = ("isRegex", "name", "value")
_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_TRUE = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})
_GO_TYPES = {list: "array", dict: "object", str: "string", bool: "bool"}
_SILENCE_TYPE = 'struct { ID string "json:\\"id,omitempty\\"" }'


def json_answer(body: object, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON as the API writes it: with a newline, but for the envelope of a refusal."""
    raw = msgspec.json.encode(body) + (b"" if isinstance(body, dict) and "code" in body else b"\n")
    return web.Response(body=raw, status=code, content_type="application/json", headers=headers)


def problem(code: int, message: str, status: int | None = None) -> Invalid:
    """A refusal of the layer that checks requests against the API's description; `status`: when it is not `code`."""
    return Invalid(message, code, status or code)


def method_not_allowed(method: str, allowed: list[str]) -> web.Response:
    """405 with what would be allowed."""
    message = f"method {method} is not allowed, but [{','.join(allowed)}] are"
    return json_answer({"code": 405, "message": message}, 405, {"Allow": ",".join(allowed)})


def check_silence_id(text: str) -> None:
    """Raises: Invalid for an id that no silence can have."""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE):
        raise problem(601, f'silenceID in path must be of type uuid: "{text}"', 422)


def is_off(query: Mapping[str, str], name: str) -> bool:
    """Whether a switch of the query, which is on by default, is off: anything that does not mean yes means no."""
    return name in query and query[name].lower() not in _TRUE


async def read_silence(request: web.BaseRequest) -> dict[str, Any]:
    """The silence in a request's body. Raises: Invalid."""
    body = await _decoded(request, "silence")
    if not isinstance(body, dict):
        raise _unreadable("silence", f"json: cannot unmarshal {_type_of(body)} into Go value of type {_SILENCE_TYPE}")
    for name in ("startsAt", "endsAt"):
        if name in body:
            _check_time("silence", f"Silence.{name}", body[name])
    _check_needed(body, _SILENCE_NEEDS, "")
    if body["matchers"] == []:
        raise problem(612, "matchers in body should have at least 1 items", 422)
    for index, matcher in enumerate(body["matchers"]):
        _check_needed(matcher, _MATCHER_NEEDS, f"matchers.{index}.")
    for index, matcher in enumerate(body["matchers"]):
        _check_matcher(matcher, f"silence invalid: invalid label matcher {index}: ")
    return body


async def read_alerts(request: web.BaseRequest) -> list[dict[str, Any]]:
    """The alerts in a request's body, with a label and sensible times each. Raises: Invalid."""
    body = await _decoded(request, "alerts")
    if not isinstance(body, list):
        raise _unreadable(
            "alerts", f"json: cannot unmarshal {_type_of(body)} into Go value of type models.PostableAlerts"
        )
    for index, alert in enumerate(body):
        for name in ("startsAt", "endsAt"):
            if alert.get(name):
                _check_time("alerts", f"PostableAlert.{name}", alert[name])
        _check_needed(alert, ("labels",), f"{index}.")
    for alert in body:
        for name in alert["labels"]:
            if not _LABEL.fullmatch(name):
                raise Invalid(f'invalid label set: invalid name "{name}"')
        if not any(value != "" for value in alert["labels"].values()):
            raise Invalid("at least one label pair required")
        if alert.get("startsAt") and alert.get("endsAt"):
            begin, end = _time(alert["startsAt"]), _time(alert["endsAt"])
            if end < begin:
                raise Invalid("start time must be before end time")
    return body


def receiver_test(text: str | None) -> "re.Pattern[str] | None":
    """The regular expression of the query's `receiver`. Raises: Invalid."""
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise Invalid(f"failed to parse receiver param: {regexp_error(text, error)}") from error


async def _decoded(request: web.BaseRequest, what: str) -> Any:
    if request.content_type != "application/json":
        only = "only [application/json] are allowed"
        raise problem(415, f'unsupported media type "{request.content_type}", {only}')
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise _unreadable(what, str(error)) from error


def _unreadable(what: str, why: str) -> Invalid:
    return problem(400, f'parsing {what} body from "" failed, because {why}')


def _check_needed(body: Mapping[str, Any], names: tuple[str, ...], prefix: str) -> None:
    for name in names:
        if name not in body:
            raise problem(602, f"{prefix}{name} in body is required", 422)


def _check_time(what: str, field: str, value: object) -> None:
    if not isinstance(value, str):
        raise _unreadable(what, f"json: cannot unmarshal {_type_of(value)} into Go struct field {field} of type string")
    try:
        _time(value)
    except ValueError as error:
        layout = 'as "2006-01-02 15:04:05": cannot parse'
        raise _unreadable(what, f'parsing time "{value}" {layout} "{value}" as "2006"') from error


def _check_matcher(matcher: Mapping[str, Any], prefix: str) -> None:
    name, value = str(matcher["name"]), str(matcher["value"])
    if not _LABEL.fullmatch(name):
        raise Invalid(f'{prefix}invalid label name "{name}"')
    try:
        re.compile(value if matcher["isRegex"] else "")
    except re.error as error:
        why = regexp_error(value, error, anchored=False)
        raise Invalid(f'{prefix}invalid regular expression "{value}": {why}') from error


def _type_of(value: object) -> str:
    return _GO_TYPES.get(type(value), "number")


def _time(text: str) -> datetime:
    return parse_rfc3339(text)
