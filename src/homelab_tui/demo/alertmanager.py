"""The demo's Alertmanager (API v2): what every Prometheus of the lab fires, and the silences on it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from homelab_tui.demo.clock import Clock, SkewedClock
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.objects import parse_rfc3339
from homelab_tui.demo.prometheus import DemoPrometheus
from homelab_tui.demo.silences import (
    RESEND,
    AlertMatcher,
    HeldAlert,
    InhibitRule,
    Invalid,
    Silence,
    Silences,
    fingerprint,
    inhibiting,
    parse_matcher,
)

RECEIVER = "home"
INHIBIT = (
    InhibitRule(
        source=(AlertMatcher("severity", "critical"),),
        target=(AlertMatcher("severity", "warning|info", is_regex=True),),
        equal=("namespace", "alertname"),
    ),
    InhibitRule(
        source=(AlertMatcher("alertname", "NodeDown"),),
        target=(AlertMatcher("alertname", "NodeUnderVoltage"),),
        equal=("cluster", "instance"),
    ),
)
"""The first is kube-prometheus-stack's; the second is what one would write for Pis."""
CONFIG = f"""route:
  receiver: {RECEIVER}
  group_by:
  - alertname
inhibit_rules:
- source_matchers:
  - severity="critical"
  target_matchers:
  - severity=~"warning|info"
  equal:
  - namespace
  - alertname
- source_matchers:
  - alertname="NodeDown"
  target_matchers:
  - alertname="NodeUnderVoltage"
  equal:
  - cluster
  - instance
receivers:
- name: {RECEIVER}
"""
_NEEDED = ("comment", "createdBy", "endsAt", "matchers", "startsAt")
Route = Callable[[web.BaseRequest], Awaitable[web.Response]]


class DemoAlertmanager:
    """One Alertmanager on a loopback port. Prometheus servers hand it their firing alerts after each evaluation."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self.clock = clock = SkewedClock(clock, lambda: faults.skew_s("alertmanager", "main"))
        self.silences = Silences()
        self.started = clock.now()
        self._alerts: dict[str, HeldAlert] = {}
        self._server = LoopbackServer(faults, "alertmanager", "main", self._handle, _refuse, clock=clock)

    @property
    def url(self) -> str:
        """Base URL of the running server."""
        return f"http://127.0.0.1:{self._server.port}"

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port."""
        await self._server.stop()

    def receive(self, prometheus: DemoPrometheus) -> None:
        """Take what a Prometheus fires now; what it fired before and no more is resolved."""
        now = self.clock.now()
        firing: set[str] = set()
        for rule, alert in prometheus.rules.active():
            if alert.state != "firing":
                continue
            labels = {**alert.labels, "cluster": prometheus.name}
            key = fingerprint(labels)
            firing.add(key)
            started = datetime.fromtimestamp(alert.active_at, UTC)
            held = self._alerts.get(key)
            url = f"{prometheus.url}/graph?g0.expr={rule.expr}&g0.tab=1"
            if held is None:
                self._alerts[key] = HeldAlert(labels, alert.annotations, started, now + RESEND, now, url)
            else:
                held.ends_at, held.updated_at = now + RESEND, now
        for key, held in list(self._alerts.items()):
            if key not in firing and held.labels.get("cluster") == prometheus.name:
                del self._alerts[key]

    # -- one request ------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        path = request.path.rstrip("/")
        if path in ("/-/healthy", "/-/ready"):
            return web.Response(text="OK")
        routes: dict[tuple[str, str], Route] = {
            ("GET", "/api/v2/status"): self._status,
            ("GET", "/api/v2/receivers"): self._receivers,
            ("GET", "/api/v2/alerts"): self._list_alerts,
            ("POST", "/api/v2/alerts"): self._post_alerts,
            ("GET", "/api/v2/alerts/groups"): self._groups,
            ("GET", "/api/v2/silences"): self._list_silences,
            ("POST", "/api/v2/silences"): self._post_silence,
        }
        if path.startswith("/api/v2/silence/") and request.method in ("GET", "DELETE"):
            return self._one_silence(request.method, path.rpartition("/")[2])
        route = routes.get((request.method, path))
        if route is not None:
            try:
                return await route(request)
            except Invalid as problem:
                return _json(str(problem), 400)
        if any(known == path for _, known in routes):
            return _json({"code": 405, "message": f"method {request.method} is not allowed"}, 405)
        if path.startswith("/api/v2"):
            return _json({"code": 404, "message": f"path {path} was not found"}, 404)
        return web.Response(text="404 page not found\n", status=404)

    async def _status(self, request: web.BaseRequest) -> web.Response:
        version = {"version": "0.27.0", "revision": "0aa3c2aad14cff039931923ab16b26b7481783b5", "branch": "HEAD"}
        version |= {"buildUser": "root@demo", "buildDate": "20240228-11:51:20", "goVersion": "go1.21.7"}
        status = {"cluster": {"status": "disabled", "peers": []}, "config": {"original": CONFIG}}
        return _json({**status, "uptime": _stamp(self.started), "versionInfo": version})

    async def _receivers(self, request: web.BaseRequest) -> web.Response:
        return _json([{"name": RECEIVER}])

    async def _list_alerts(self, request: web.BaseRequest) -> web.Response:
        return _json(self._found(request))

    async def _groups(self, request: web.BaseRequest) -> web.Response:
        groups: dict[str, list[object]] = {}
        for alert in self._found(request):
            groups.setdefault(alert["labels"].get("alertname", ""), []).append(alert)
        receiver = {"name": RECEIVER}
        found = [
            {"alerts": alerts, "labels": {"alertname": name}, "receiver": receiver} for name, alerts in groups.items()
        ]
        return _json(found)

    async def _post_alerts(self, request: web.BaseRequest) -> web.Response:
        now = self.clock.now()
        for sent in _decoded(await request.read()):
            labels = {str(k): str(v) for k, v in sent["labels"].items() if v != ""}
            if not labels:
                raise Invalid("at least one label pair required")
            starts = parse_rfc3339(sent["startsAt"]) if sent.get("startsAt") else now
            ends = parse_rfc3339(sent["endsAt"]) if sent.get("endsAt") else now + RESEND
            url = str(sent.get("generatorURL", ""))
            held = HeldAlert(labels, dict(sent.get("annotations") or {}), starts, ends, now, url)
            self._alerts[fingerprint(labels)] = held
        return web.Response(status=200)

    def _found(self, request: web.BaseRequest) -> list[dict[str, Any]]:
        """The alerts that the query's `filter`, `active`, `silenced` and `inhibited` let through, by fingerprint."""
        query, now = request.query, self.clock.now()
        matchers = [parse_matcher(text) for text in query.getall("filter", [])]
        found: list[dict[str, Any]] = []
        live = {key: held.labels for key, held in sorted(self._alerts.items()) if held.ends_at > now}
        for key, labels in live.items():
            held = self._alerts[key]
            if not all(matcher.matches(labels) for matcher in matchers):
                continue
            silenced, inhibited = self.silences.muting(labels, now), inhibiting(INHIBIT, live, labels)
            if (
                (silenced and query.get("silenced") == "false")
                or (inhibited and query.get("inhibited") == "false")
                or (not silenced and not inhibited and query.get("active") == "false")
            ):
                continue
            state = "suppressed" if silenced or inhibited else "active"
            status = {"inhibitedBy": inhibited, "silencedBy": silenced, "state": state}
            found.append(
                {
                    "annotations": held.annotations,
                    "endsAt": _stamp(held.ends_at),
                    "fingerprint": key,
                    "receivers": [{"name": RECEIVER}],
                    "startsAt": _stamp(held.starts_at),
                    "status": status,
                    "updatedAt": _stamp(held.updated_at),
                    "generatorURL": held.generator_url,
                    "labels": held.labels,
                }
            )
        return found

    # -- silences ---------------------------------------------------------------------------------------------------

    async def _list_silences(self, request: web.BaseRequest) -> web.Response:
        wanted = [parse_matcher(text) for text in request.query.getall("filter", [])]
        now = self.clock.now()
        found = [s for s in self.silences.by_id.values() if all(_has(s, matcher) for matcher in wanted)]
        order = {"active": 0, "pending": 1, "expired": 2}
        found.sort(key=lambda silence: (order[silence.state(now)], silence.ends_at))
        return _json([self._silence_document(silence) for silence in found])

    async def _post_silence(self, request: web.BaseRequest) -> web.Response:
        body = _decoded(await request.read())
        missing = [name for name in _NEEDED if name not in body]
        if missing:
            return _json({"code": 602, "message": f"{missing[0]} in body is required"}, 422)
        if body["matchers"] == []:
            return _json({"code": 612, "message": "matchers in body should have at least 1 items"}, 422)
        try:
            return _json({"silenceID": self.silences.put(body, self.clock.now())})
        except KeyError:
            return _json("silence not found", 404)

    def _one_silence(self, method: str, silence_id: str) -> web.Response:
        silence = self.silences.by_id.get(silence_id)
        if silence is None:
            return web.Response(status=404)
        if method == "GET":
            return _json(self._silence_document(silence))
        self.silences.expire(silence_id, self.clock.now())
        return web.Response(status=200)

    def _silence_document(self, silence: Silence) -> dict[str, object]:
        return {
            "id": silence.id,
            "status": {"state": silence.state(self.clock.now())},
            "updatedAt": _stamp(silence.updated_at),
            "comment": silence.comment,
            "createdBy": silence.created_by,
            "endsAt": _stamp(silence.ends_at),
            "matchers": [matcher.document() for matcher in silence.matchers],
            "startsAt": _stamp(silence.starts_at),
        }


def _has(silence: Silence, wanted: AlertMatcher) -> bool:
    """Whether a silence has that very matcher: filters of silences compare matchers, not alerts."""
    return any(
        wanted.matches({matcher.name: matcher.value}) for matcher in silence.matchers if matcher.name == wanted.name
    )


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Invalid(f"parsing body failed: {error}") from error


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _json(body: object, code: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body) + b"\n", status=code, content_type="application/json")


def _refuse(code: int, request: web.BaseRequest) -> web.Response:
    headers: Mapping[str, str] = {"Retry-After": "1"} if code == 429 else {}
    return web.Response(text=f"{code} from the proxy in front of Alertmanager\n", status=code, headers=headers)
