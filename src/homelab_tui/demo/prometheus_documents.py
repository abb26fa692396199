"""How a Prometheus writes its answers: envelopes, numbers, times, and the errors of its parameters."""

import contextlib
import gzip
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from homelab_tui.demo.alert_rules import RuleState, alert_document
from homelab_tui.demo.objects import parse_rfc3339
from homelab_tui.demo.promql_errors import QueryError, parse_error
from homelab_tui.demo.promql_syntax import duration_s, parse
from homelab_tui.demo.promql_tree import Selector

Document = dict[str, object]


def rule_document(state: RuleState) -> Document:
    """A rule as /api/v1/rules shows it."""
    alerts = list(state.alerts.values())
    firing = any(alert.state == "firing" for alert in alerts)
    rule: Document = {
        "state": "firing" if firing else "pending" if alerts else "inactive",
        "name": state.rule.name,
        "query": state.rule.expr,
        "duration": state.rule.for_s,
        "keepFiringFor": 0,
        "labels": {"severity": state.rule.severity},
        "annotations": {"summary": state.rule.summary, "description": state.rule.description},
        "alerts": [alert_document(alert) for alert in alerts],
        "health": "err" if state.error else "ok",
        "evaluationTime": 0.0002,
        "lastEvaluation": stamp(datetime.fromtimestamp(state.evaluated_at, UTC)),
        "type": "alerting",
    }
    return rule | ({"lastError": state.error} if state.error else {})


def number(value: float) -> str:
    """A sample value as Prometheus writes it: no exponent, NaN, +Inf, -Inf."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def moment_of(text: str, name: str, *, twice: bool = False) -> float:
    """Unix seconds of a time parameter: a number or RFC 3339.

    `twice`: where Prometheus says the complaint's name twice. Raises: QueryError.
    """
    with contextlib.suppress(ValueError):
        if math.isfinite(float(text)):
            return float(text)
    try:
        return parse_rfc3339(text).timestamp()
    except ValueError as error:
        prefix = f"Invalid time value for '{name}': " if twice or name == "time" else ""
        raise bad_parameter(name, f'{prefix}cannot parse "{text}" to a valid timestamp') from error


def check_timeout(form: Mapping[str, str]) -> None:
    """Look at the parameter `timeout`. Raises: QueryError."""
    text = form.get("timeout", "")
    try:
        duration_s(text or "1s")
    except ValueError as error:
        raise bad_parameter("timeout", f'cannot parse "{text}" to a valid duration') from error


def parse_selector(text: str) -> Selector:
    """What `match[]` names. Raises: QueryError."""
    try:
        expr = parse(text)
        if isinstance(expr, Selector) and expr.range_s is None:
            return expr
        found = re.search(r"[\[(+*/-]", text)
        place, what = (found.start() + 1, f'"{found[0]}"') if found else (1, "expression")
        raise parse_error(place, f"unexpected {what}")
    except QueryError as error:
        raise QueryError(error.code, error.kind, error.message.replace('"query"', '"match[]"', 1)) from error


def step_s(text: str) -> float:
    """Seconds of a step parameter. Raises: QueryError."""
    try:
        step = duration_s(text)
    except ValueError as error:
        raise bad_parameter("step", f'cannot parse "{text}" to a valid duration') from error
    if step <= 0:
        raise bad_parameter(
            "step", "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    return step


def bad_parameter(name: str, why: str) -> QueryError:
    """400 for one parameter."""
    return QueryError(400, "bad_data", f'invalid parameter "{name}": {why}')


def stamp(at: datetime) -> str:
    """A time as Go writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_response(body: Document, code: int = 200) -> web.Response:
    """An envelope as an HTTP answer."""
    return web.Response(body=msgspec.json.encode(body), status=code, content_type="application/json")


def compressed(request: web.BaseRequest, whole: web.Response) -> web.Response:
    """Gzip for a client that takes it, whatever the size: as Prometheus does."""
    body = whole.body
    if not isinstance(body, bytes) or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return whole
    whole.body = gzip.compress(body, 1)
    whole.headers["Content-Encoding"] = "gzip"
    return whole


def refuse(code: int, request: web.BaseRequest) -> web.Response:
    """A fault: what Prometheus, or the proxy in front of it, says with that status."""
    if code == 401:
        return web.Response(text="Unauthorized\n", status=401, headers={"WWW-Authenticate": "Basic"})
    if code == 503:
        return web.Response(text="Service Unavailable", status=503, headers={"X-Prometheus-Stopping": "false"})
    if code == 500:
        problem = {
            "status": "error",
            "errorType": "internal",
            "error": "opening storage failed: no space left on device",
        }
        return json_response(dict(problem), 500)
    text = {403: "Forbidden", 429: "Too Many Requests"}.get(code, "Bad Gateway")
    page = f"<html><head><title>{code} {text}</title></head><body><center><h1>{code} {text}</h1></center></body></html>"
    return web.Response(
        text=page, status=code, content_type="text/html", headers={"Retry-After": "1"} if code == 429 else {}
    )
