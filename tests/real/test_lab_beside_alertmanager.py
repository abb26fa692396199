"""The lab's Alertmanager beside Debian's: the same calls made to both, the answers compared."""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.labs import start_lab, until
from tests.servers import require_binary

Json = dict[str, Any]
CONFIG = """
route:
  receiver: home
  group_by: ['alertname']
receivers:
  - name: home
inhibit_rules:
  - source_matchers: ['severity = critical']
    target_matchers: ['severity =~ warning|info']
    equal: [namespace, alertname]
  - source_matchers: ['alertname = NodeDown']
    target_matchers: ['alertname = NodeUnderVoltage']
    equal: [cluster, instance]
"""
"""The receiver and the rules that the lab has too."""
LABELS = {"alertname": "KubeJobFailed", "namespace": "backup", "job_name": "restic-1", "pod": "ksm-1"}


@asynccontextmanager
async def real_alertmanager(directory: Path, more_config: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Debian's prometheus-alertmanager on free ports. `more_config`: further inhibit_rules."""
    binary = require_binary("prometheus-alertmanager")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (directory / "alertmanager.yml").write_text(CONFIG + more_config)
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/-/ready")).status_code == 200
                except httpx.ConnectError:
                    assert process.returncode is None, "it did not start: is its configuration good?"
                    return False

            await until(ready, 30)
            yield client
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def stamp(offset_s: float) -> str:
    """A time from now, RFC 3339."""
    return (datetime.now(UTC) + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def silence(name: str = "restic-1", **changes: Any) -> Json:
    """A silence on a Job by alertname, namespace and job_name."""
    wanted = {"alertname": "KubeJobFailed", "namespace": "backup", "job_name": name}
    matchers = [{"name": key, "value": value, "isRegex": False, "isEqual": True} for key, value in wanted.items()]
    body = {"matchers": matchers, "startsAt": stamp(-1), "endsAt": stamp(3600), "createdBy": "me", "comment": "known"}
    return {**body, **changes}


def same(value: Any, known: dict[str, str]) -> Any:
    """An answer with what differs by nature taken out: times, ids by their order, receivers' URLs."""
    if isinstance(value, dict):
        timed = ("startsAt", "endsAt", "updatedAt", "mutedBy", "generatorURL")
        return {key: same(inner, known) for key, inner in value.items() if key not in timed}
    if isinstance(value, list):
        return [same(inner, known) for inner in value]
    return known.get(value, value) if isinstance(value, str) else value


async def tell_the_story(client: httpx.AsyncClient) -> list[tuple[str, int, Any]]:
    """Alerts, silences and mistakes; every answer on the way."""
    told: list[tuple[str, int, Any]] = []
    known: dict[str, str] = {}

    async def ask(what: str, method: str, path: str, *, text: bool = True, **request: Any) -> Any:
        answer = await client.request(method, path, **request)
        is_json = answer.headers.get("content-type", "").startswith("application/json") and answer.content
        body = answer.json() if is_json else answer.text
        told.append((what, answer.status_code, same(body, known) if text else type(body).__name__))
        return body

    alerts = [{"labels": LABELS, "annotations": {"summary": "x"}}, {"labels": {**LABELS, "job_name": "other"}}]
    await ask("post alerts", "POST", "/api/v2/alerts", json=alerts)

    async def both() -> bool:
        return len((await client.get("/api/v2/alerts")).json()) == 2

    await until(both)
    await ask("alerts", "GET", "/api/v2/alerts")
    only = {"filter": 'job_name="other"'}
    await ask("filtered", "GET", "/api/v2/alerts", params=only)
    await ask("by regex", "GET", "/api/v2/alerts", params={"filter": 'job_name=~"rest.*"'})
    made = await ask("silence", "POST", "/api/v2/silences", json=silence(), text=False)
    known[made["silenceID"]] = "FIRST"

    async def muted() -> bool:
        found = (await client.get("/api/v2/alerts", params={"filter": 'job_name="restic-1"'})).json()
        return bool(found[0]["status"]["state"] == "suppressed")

    await until(muted)
    await ask("one is suppressed", "GET", "/api/v2/alerts")
    await ask("unsilenced", "GET", "/api/v2/alerts", params={"silenced": "false"})
    await ask("only silenced", "GET", "/api/v2/alerts", params={"active": "false"})
    await ask("silences", "GET", "/api/v2/silences")
    first = f"/api/v2/silence/{made['silenceID']}"
    begun = (await client.get(first)).json()["startsAt"]
    await ask("the silence", "GET", first)
    longer = silence(id=made["silenceID"], startsAt=begun, endsAt=stamp(7200))
    again = await ask("prolonged", "POST", "/api/v2/silences", json=longer, text=False)
    told.append(("kept its id", int(again["silenceID"] == made["silenceID"]), None))
    await ask("expired", "DELETE", first)
    await ask("expired silence", "GET", first)
    await ask("expired again", "DELETE", first, text=False)
    second = await ask("changed after its end", "POST", "/api/v2/silences", json=longer, text=False)
    told.append(("has another id", int(second["silenceID"] != made["silenceID"]), None))
    moved = silence(id=second["silenceID"], startsAt=stamp(-500), endsAt=stamp(7200))
    third = await ask("moved", "POST", "/api/v2/silences", json=moved, text=False)
    told.append(("has another id", int(third["silenceID"] != second["silenceID"]), None))
    await ask("unknown", "GET", "/api/v2/silence/3b1e7d1a-1f0e-4b6e-8d0d-0123456789ab", text=False)
    await ask("no matchers", "POST", "/api/v2/silences", json=silence(matchers=[]))
    ended = silence(endsAt=stamp(-60), startsAt=stamp(-120))
    await ask("already over", "POST", "/api/v2/silences", json=ended)
    backwards = silence(startsAt=stamp(100), endsAt=stamp(50))
    await ask("backwards", "POST", "/api/v2/silences", json=backwards)
    incomplete = silence()
    del incomplete["createdBy"]
    await ask("no author", "POST", "/api/v2/silences", json=incomplete)
    await ask("bad filter", "GET", "/api/v2/alerts", params={"filter": "what is this"}, text=False)
    await _inhibit(ask)
    await ask("receivers", "GET", "/api/v2/receivers")
    await ask("nothing", "GET", "/api/v2/nothing", text=False)
    await ask("ready", "GET", "/-/ready")
    return told


async def _inhibit(ask: Any) -> None:
    """A critical alert holds a warning of its namespace back, and nothing else."""
    high = {**LABELS, "alertname": "Full", "severity": "critical", "job_name": "high"}
    alerts = [high, {**high, "severity": "warning", "job_name": "low"}]
    alerts += [{**high, "severity": "warning", "namespace": "db", "job_name": "elsewhere"}]
    down = {"alertname": "NodeDown", "severity": "critical", "instance": "rpi03", "cluster": "attic"}
    alerts += [down, {**down, "alertname": "NodeUnderVoltage", "severity": "warning"}]
    alerts += [{**down, "alertname": "NodeUnderVoltage", "severity": "warning", "instance": "rpi04"}]
    await ask("post a critical one", "POST", "/api/v2/alerts", json=[{"labels": labels} for labels in alerts])
    for name in ("high", "low", "elsewhere"):
        await ask(f"is {name} inhibited", "GET", "/api/v2/alerts", params={"filter": f'job_name="{name}"'})
    under = {"filter": 'alertname="NodeUnderVoltage"'}
    await ask("the voltage of what is down", "GET", "/api/v2/alerts", params=under)
    await ask("without inhibited ones", "GET", "/api/v2/alerts", params={**under, "inhibited": "false"})
    await ask("inhibited ones alone", "GET", "/api/v2/alerts", params={**under, "active": "false"})


async def test_the_same_calls_get_the_same_answers(tmp_path: Path) -> None:
    async with (
        start_lab(ssh=False, snmp=False, catalogue=False) as lab,
        real_alertmanager(tmp_path) as real,
        httpx.AsyncClient(base_url=lab.alertmanager.url, timeout=10) as ours,
    ):
        left, right = await tell_the_story(ours), await tell_the_story(real)
        status = [(await client.get("/api/v2/status")).json() for client in (ours, real)]
    differences = [f"{m}\n{t}" for m, t in zip(left, right, strict=True) if m != t]
    assert not differences, "\n".join(differences)
    assert set(status[1]) == set(status[0])
    assert set(status[1]["versionInfo"]) == set(status[0]["versionInfo"])


def requests() -> list[tuple[str, str, Json]]:
    """Method, path and what goes with it, of all that may go wrong."""
    none = "/api/v2/silence/3b1e7d1a-1f0e-4b6e-8d0d-0123456789ab"
    silences, alerts = "/api/v2/silences", "/api/v2/alerts"

    def matching(**matcher: Any) -> Json:
        return {"json": silence(matchers=[matcher])}

    wrong_bodies: list[Any] = [[], 5, {}, silence(startsAt="soon"), silence(endsAt=5), silence(comment="")]
    bodies: list[Json] = [
        {"content": b"x=1", "headers": {"Content-Type": "text/plain"}},
        *({"json": body} for body in wrong_bodies),
        *({"json": body} for body in (silence(id=none.rpartition("/")[2]), silence(endsAt=stamp(-5)))),
        *(matching(name="a", value="b"), matching(name="a", isRegex=False), matching(value="b", isRegex=False)),
        *(matching(name=name, value="b", isRegex=False) for name in ("", "a-b", "5")),
        *(matching(name="a", value=value, isRegex=True) for value in ("[", "*", "(", ".*")),
        matching(name="a", value="", isRegex=False),
    ]
    sent: list[Any] = [{}, 5, [], [{}], [{"labels": {}}], [{"labels": {"a-b": "x"}}], [{"labels": {"a": ""}}]]
    sent += [
        [{"labels": {"a": "x"}, "startsAt": stamp(10), "endsAt": stamp(5)}],
        [{"labels": {"a": "x"}, "startsAt": "soon"}],
    ]
    wrong = ("filter=x", 'filter=a=~"["', "receiver=[", "receiver=nobody", "active=maybe", "silenced=no")
    return [
        *(("GET", path, {}) for path in ("/nothing", "/api/v2/nothing", "/api/v2/silence/x", none, "/-/ready")),
        *((method, path, {}) for method in ("PUT", "OPTIONS") for path in (alerts, silences, none, "/api/v2/status")),
        *(("DELETE", path, {}) for path in ("/api/v2/silence/x", none, silences)),
        *(("POST", path, {}) for path in (none, "/api/v2/status", "/-/ready")),
        *(("POST", silences, body) for body in bodies),
        *(("POST", alerts, {"json": body}) for body in sent),
        *(("GET", f"{alerts}?{query}", {}) for query in wrong),
        *(("GET", path, {}) for path in (f"{alerts}/groups?filter=x", f"{silences}?filter=x", "/api/v2/receivers")),
    ]


def heard(answer: httpx.Response) -> object:
    """Status, headers and words; in which order the allowed methods are named is chance."""
    headers = {name: answer.headers.get(name) for name in ("content-type", "vary")}
    allowed = sorted(answer.headers.get("allow", "").split(","))
    text = re.sub(r"\[[A-Z,]+\]", "[METHODS]", answer.text)
    return answer.status_code, headers, allowed, "an id" if "silenceID" in text and answer.status_code == 200 else text


async def test_what_is_refused_is_refused_with_the_same_status_headers_and_words(tmp_path: Path) -> None:
    async with (
        start_lab(ssh=False, snmp=False, catalogue=False) as lab,
        real_alertmanager(tmp_path) as real,
        httpx.AsyncClient(base_url=lab.alertmanager.url, timeout=10) as ours,
    ):
        differences = []
        for method, path, more in requests():
            left, right = [heard(await client.request(method, path, **more)) for client in (ours, real)]
            if left != right:
                differences.append(f"{method} {path} {more}\n  lab:  {left}\n  real: {right}")
        assert not differences, "\n".join(differences)
        nonsense: Json = {"content": b"{nonsense", "headers": {"Content-Type": "application/json"}}
        for path in ("/api/v2/silences", "/api/v2/alerts"):
            both = [(await client.post(path, **nonsense)).json() for client in (ours, real)]
            assert both[0]["code"] == both[1]["code"]
            # what Go's JSON parser complains of is not worded again
            assert both[0]["message"].partition("because")[0] == both[1]["message"].partition("because")[0]
