"""The demo's Alertmanager (API v2): what every Prometheus of the lab fires, and the silences on it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from homelab_tui.demo.alertmanager_bodies import (
    check_silence_id,
    is_off,
    json_answer,
    method_not_allowed,
    read_alerts,
    read_silence,
    receiver_test,
)
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
            if request.method not in ("GET", "HEAD"):
                return web.Response(text="Method Not Allowed\n", status=405, headers={"Allow": "GET, HEAD, OPTIONS"})
            return web.Response(text="OK")
        if not path.startswith("/api/v2"):
            return web.Response(text="404 page not found\n", status=404)
        try:
            answer = await self._api(request, path)
        except Invalid as refused:
            envelope = {"code": refused.code, "message": str(refused)}
            answer = json_answer(str(refused) if refused.code is None else envelope, refused.status)
        answer.headers["Vary"] = "Origin"
        return answer

    async def _api(self, request: web.BaseRequest, path: str) -> web.Response:
        routes: dict[str, dict[str, Route]] = {
            "/api/v2/status": {"GET": self._status},
            "/api/v2/receivers": {"GET": self._receivers},
            "/api/v2/alerts": {"POST": self._post_alerts, "GET": self._list_alerts},
            "/api/v2/alerts/groups": {"GET": self._groups},
            "/api/v2/silences": {"POST": self._post_silence, "GET": self._list_silences},
        }
        known = routes.get(path)
        if path.startswith("/api/v2/silence/"):
            known = {"GET": self._get_silence, "DELETE": self._delete_silence}
        if known is None:
            return json_answer({"code": 404, "message": f"path {path} was not found"}, 404)
        if request.method not in known:
            return method_not_allowed(request.method, list(known))
        return await known[request.method](request)

    async def _status(self, request: web.BaseRequest) -> web.Response:
        version = {"version": "0.27.0", "revision": "0aa3c2aad14cff039931923ab16b26b7481783b5", "branch": "HEAD"}
        version |= {"buildUser": "root@demo", "buildDate": "20240228-11:51:20", "goVersion": "go1.21.7"}
        status = {"cluster": {"status": "disabled", "peers": []}, "config": {"original": CONFIG}}
        return json_answer({**status, "uptime": _stamp(self.started), "versionInfo": version})

    async def _receivers(self, request: web.BaseRequest) -> web.Response:
        return json_answer([{"name": RECEIVER}])

    async def _list_alerts(self, request: web.BaseRequest) -> web.Response:
        return json_answer(self._found(request))

    async def _groups(self, request: web.BaseRequest) -> web.Response:
        groups: dict[str, list[object]] = {}
        for alert in self._found(request):
            groups.setdefault(alert["labels"].get("alertname", ""), []).append(alert)
        receiver = {"name": RECEIVER}
        found = [
            {"alerts": alerts, "labels": {"alertname": name}, "receiver": receiver} for name, alerts in groups.items()
        ]
        return json_answer(found)

    async def _post_alerts(self, request: web.BaseRequest) -> web.Response:
        now = self.clock.now()
        for sent in await read_alerts(request):
            labels = {str(k): str(v) for k, v in sent["labels"].items() if v != ""}
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
        receiver = receiver_test(query.get("receiver"))
        if receiver is not None and not receiver.fullmatch(RECEIVER):
            return []
        found: list[dict[str, Any]] = []
        live = {key: held.labels for key, held in sorted(self._alerts.items()) if held.ends_at > now}
        for key, labels in live.items():
            held = self._alerts[key]
            if not all(matcher.matches(labels) for matcher in matchers):
                continue
            silenced, inhibited = self.silences.muting(labels, now), inhibiting(INHIBIT, live, labels)
            if (
                (silenced and is_off(query, "silenced"))
                or (inhibited and is_off(query, "inhibited"))
                or (not silenced and not inhibited and is_off(query, "active"))
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
        return json_answer([self._silence_document(silence) for silence in found])

    async def _post_silence(self, request: web.BaseRequest) -> web.Response:
        body = await read_silence(request)
        try:
            return json_answer({"silenceID": self.silences.put(body, self.clock.now())})
        except KeyError:
            return json_answer("silence not found", 404)

    async def _get_silence(self, request: web.BaseRequest) -> web.Response:
        silence_id = request.path.rstrip("/").rpartition("/")[2]
        check_silence_id(silence_id)
        silence = self.silences.by_id.get(silence_id)
        return web.Response(status=404) if silence is None else json_answer(self._silence_document(silence))

    async def _delete_silence(self, request: web.BaseRequest) -> web.Response:
        silence_id = request.path.rstrip("/").rpartition("/")[2]
        check_silence_id(silence_id)
        try:
            self.silences.expire(silence_id, self.clock.now())
        except KeyError:
            return json_answer("silence not found", 500)
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


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _refuse(code: int, request: web.BaseRequest) -> web.Response:
    headers: Mapping[str, str] = {"Retry-After": "1"} if code == 429 else {}
    return web.Response(text=f"{code} from the proxy in front of Alertmanager\n", status=code, headers=headers)
