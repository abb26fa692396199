"""An API server and a Prometheus with many Jobs, as cheap as they can be: answers are prepared bytes.

It runs in a process of its own, so that what it costs is not taken for the program's cost. Run as a script by the
benchmarks. Arguments: JOBS CRONJOBS DIRECTORY. Writes `kubeconfig` and `ca.pem` there, prints
`ready PROMETHEUS_PORT`, then obeys lines of stdin:

`new NAME` a running Job, `fail NAME`, `remove NAME`, `churn RATE` (changes a second), `relist` (every watch is told
410), `away` (refuses and breaks every connection), `back`. What it has obeyed it repeats to stdout.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench._load_objects import SPACE, Crowd, encoded, finish, series, vector
from homelab_tui.demo.certificates import Authority

_SCRAPE_S = 15.0
_PAST = ("kube_job_owner", "kube_job_failed", "kube_job_complete", "kube_job_created", "kube_job_status_start_time")
"""What is asked for of runs whose Jobs may be gone."""
_EMPTY = {"pods": "Pod", "nodes": "Node", "events": "Event", "persistentvolumeclaims": "PersistentVolumeClaim"}
_RESOURCES = {
    "api/v1": (
        ("namespaces", "Namespace", False),
        ("nodes", "Node", False),
        ("pods", "Pod", True),
        ("events", "Event", True),
        ("persistentvolumeclaims", "PersistentVolumeClaim", True),
    ),
    "apis/batch/v1": (("jobs", "Job", True), ("cronjobs", "CronJob", True)),
}
"""Version → plural, kind, whether it lives in a namespace."""
Watch = tuple[str, bool, asyncio.Queue[bytes | None]]
"""Plural, whether only Jobs without a success are wanted, and where its lines go."""


class Api:
    """What is stored, and who watches it."""

    def __init__(self, jobs: int, cronjobs: int) -> None:
        self.crowd = Crowd(jobs, cronjobs)
        self._bytes = {"jobs": self._all(self.crowd.jobs), "cronjobs": self._all(self.crowd.cronjobs)}
        self._watches: list[Watch] = []
        self._churning: asyncio.Task[None] | None = None
        self._numbers = itertools.count(jobs)
        self.is_away = False
        self.connections: set[asyncio.StreamWriter] = set()

    @staticmethod
    def _all(objects: dict[str, dict[str, Any]]) -> dict[str, bytes]:
        return {name: encoded(body) for name, body in objects.items()}

    # What is done to the Jobs

    def obey(self, line: str) -> None:
        """One command."""
        verb, _, argument = line.partition(" ")
        if verb == "new":
            cronjob = argument.rpartition("-")[0]
            due = datetime.now(UTC).replace(microsecond=0)
            self._put(self.crowd.job(argument, next(self._numbers), cronjob, due), "ADDED")
        elif verb == "fail":
            job = self.crowd.jobs[argument]
            finish(job, datetime.now(UTC), failed=True)
            self._put(job)
        elif verb == "remove":
            job = self.crowd.jobs.pop(argument)
            self._tell("DELETED", job, self._bytes["jobs"].pop(argument))
        elif verb == "churn":
            if self._churning is not None:
                self._churning.cancel()
            self._churning = asyncio.create_task(self._churn(float(argument))) if float(argument) else None
        elif verb == "relist":
            gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired"}
            for _, _, lines in self._watches:
                lines.put_nowait(encoded({"type": "ERROR", "object": gone}) + b"\n")
                lines.put_nowait(None)
        elif verb in ("away", "back"):
            self.is_away = verb == "away"
            for writer in tuple(self.connections) if self.is_away else ():
                writer.transport.abort()

    def _put(self, job: dict[str, Any], kind: str = "MODIFIED") -> None:
        meta = job["metadata"]
        meta["resourceVersion"] = self.crowd.next_version()
        self.crowd.jobs[meta["name"]] = job
        body = self._bytes["jobs"][meta["name"]] = encoded(job)
        self._tell(kind, job, body)

    def _tell(self, kind: str, job: dict[str, Any], body: bytes) -> None:
        line = b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"
        succeeded = bool(job["status"].get("succeeded"))
        for plural, failures_only, lines in self._watches:
            if plural == "jobs" and not (failures_only and succeeded):
                lines.put_nowait(line)

    async def _churn(self, per_second: float) -> None:
        """Runs come, end well and go, and some change that ended long ago: each makes an event."""
        begun = time.monotonic()
        for count, step in enumerate(self._life()):
            step()
            await asyncio.sleep(max(0.0, begun + count / per_second - time.monotonic()))

    def _life(self) -> Iterator[Callable[[], None]]:
        """Change after change, for ever: of each five, four are the life of one run and one touches a finished Job."""
        finished = [name for name, job in self.crowd.jobs.items() if job["status"].get("succeeded")]
        for count, touched in enumerate(itertools.cycle(finished)):
            cronjob = f"crowd-{200 + count % max(1, self.crowd.cronjob_count - 200):04d}"
            run = self.crowd.job(f"{cronjob}-8{count:07d}", next(self._numbers), cronjob, datetime.now(UTC))
            run["status"] |= {"active": 0, "ready": 0}
            yield partial(self._put, run, "ADDED")
            yield partial(self._started, run)
            yield partial(self._touched, self.crowd.jobs[touched], count)
            yield partial(self._ended, run)
            yield partial(self.obey, f"remove {run['metadata']['name']}")

    def _started(self, job: dict[str, Any]) -> None:
        job["status"] |= {"active": 1, "ready": 1}
        self._put(job)

    def _touched(self, job: dict[str, Any], count: int) -> None:
        """What controllers and operators write into Jobs, and nobody looks at."""
        job["metadata"]["annotations"]["bench/count"] = str(count)
        self._put(job)

    def _ended(self, job: dict[str, Any]) -> None:
        finish(job, datetime.now(UTC), failed=False)
        self._put(job)

    # HTTP

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        if self.is_away:
            writer.transport.abort()
            return
        self.connections.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
                length = next((int(v) for k, _, v in _headers(head) if k.lower() == "content-length"), 0)
                body = await reader.readexactly(length) if length else b""
                url = urlsplit(target)
                params = dict(parse_qsl(url.query))
                if params.get("watch") in ("true", "1", "True"):
                    await self._watch(url.path, params, writer)
                    return
                code, answer = self._answer(method, url.path, params, body)
                head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write(head.encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    def _answer(self, method: str, path: str, params: dict[str, str], body: bytes) -> tuple[int, bytes]:
        parts = path.strip("/").split("/")
        if path == "/version":
            return 200, encoded({"major": "1", "minor": "31", "gitVersion": "v1.31.4+k3s1", "platform": "linux/amd64"})
        if parts[-1] == "selfsubjectaccessreviews":
            review = json.loads(body) if body else {}
            return 201, encoded({**review, "status": {"allowed": True}})
        if method != "GET":
            return 405, _status(405, "MethodNotAllowed")
        if path in ("/api", "/api/"):
            return 200, encoded({"kind": "APIVersions", "versions": ["v1"]})
        if path in ("/apis", "/apis/"):
            versions = [{"groupVersion": "batch/v1", "version": "v1"}]
            group = {"name": "batch", "versions": versions, "preferredVersion": versions[0]}
            return 200, encoded({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})
        if path.strip("/") in _RESOURCES:
            return 200, _resources(path.strip("/"))
        if parts[-1] == "namespaces":
            space = {"metadata": {"name": SPACE, "uid": "space", "creationTimestamp": "2026-01-01T00:00:00Z"}}
            return 200, self._list("v1", "Namespace", [encoded({**space, "status": {"phase": "Active"}})], params)
        if parts[-1] in self._bytes:
            objects = self._bytes[parts[-1]]
            if params.get("fieldSelector") == "status.successful=0":
                kept = [objects[name] for name, job in self.crowd.jobs.items() if not job["status"].get("succeeded")]
                return 200, self._list("batch/v1", "Job", kept, params)
            return 200, self._list("batch/v1", "Job" if parts[-1] == "jobs" else "CronJob", [*objects.values()], params)
        if len(parts) > 1 and parts[-2] in self._bytes:
            found = self._bytes[parts[-2]].get(parts[-1])
            return (200, found) if found else (404, _status(404, "NotFound"))
        if parts[-1] in _EMPTY:
            return 200, self._list("v1", _EMPTY[parts[-1]], [], params)
        return 404, _status(404, "NotFound")

    def _list(self, version: str, kind: str, bodies: list[bytes], params: dict[str, str]) -> bytes:
        begin, limit = int(params.get("continue") or 0), int(params.get("limit") or 0) or len(bodies)
        meta: dict[str, Any] = {"resourceVersion": str(self.crowd.version)}
        if begin + limit < len(bodies):
            meta |= {"continue": str(begin + limit), "remainingItemCount": len(bodies) - begin - limit}
        head = encoded({"kind": f"{kind}List", "apiVersion": version, "metadata": meta})[:-1]
        return head + b',"items":[' + b",".join(bodies[begin : begin + limit]) + b"]}"

    async def _watch(self, path: str, params: dict[str, str], writer: asyncio.StreamWriter) -> None:
        lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        failures_only = params.get("fieldSelector") == "status.successful=0"
        watch: Watch = (path.rpartition("/")[2], failures_only, lines)
        self._watches.append(watch)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            async with asyncio.timeout(float(params.get("timeoutSeconds") or 300)):
                while (line := await lines.get()) is not None:
                    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
                    await writer.drain()
        except TimeoutError:
            pass
        finally:
            self._watches.remove(watch)
        with contextlib.suppress(OSError):
            writer.write(b"0\r\n\r\n")
            await writer.drain()


class Prometheus:
    """The same crowd as kube-state-metrics tells it, and nothing else; the large answers are made once."""

    def __init__(self, crowd: Crowd) -> None:
        at, told = crowd.now.timestamp(), [*series(crowd)]
        self._now = vector(iter(told), at)
        past = [(labels, value) for labels, value in told if labels["__name__"] in _PAST]
        self._past = vector(iter(past), at)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                target = head.split(" ", 2)[1]
                length = next((int(v) for k, _, v in _headers(head) if k.lower() == "content-length"), 0)
                asked = dict(parse_qsl((await reader.readexactly(length)).decode())) if length else {}
                answer = self._answer(urlsplit(target).path, dict(parse_qsl(urlsplit(target).query)) | asked)
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        writer.close()

    def _answer(self, path: str, params: dict[str, str]) -> bytes:
        if path.endswith("/query"):
            query, now = params.get("query", ""), time.time()
            if query.startswith("time()"):
                return vector(iter([({}, now % _SCRAPE_S)]), now)
            if "kube_cronjob_" in query:
                return self._now
            return self._past if "kube_job_" in query else vector(iter(()), now)
        return encoded({"status": "success", "data": {"alerts": [], "groups": [], "version": "2.53.0"}})


def _resources(version: str) -> bytes:
    """What is to be found under a version: others look before they ask."""
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    found = [
        {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": has_namespace, "verbs": verbs}
        for plural, kind, has_namespace in _RESOURCES[version]
    ]
    group = version.removeprefix("apis/").removeprefix("api/")
    return encoded({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": found})


def _headers(head: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in head.split("\r\n")[1:]]


def _status(code: int, reason: str) -> bytes:
    return encoded({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason})


def _write_kubeconfig(directory: Path, port: int, authority: Authority) -> None:
    ca = directory / "ca.pem"
    ca.write_bytes(authority.certificate)
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(ca)}
    context = {"cluster": "load", "user": "load", "namespace": SPACE}
    (directory / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "load",
                "clusters": [{"name": "load", "cluster": cluster}],
                "users": [{"name": "load", "user": {"token": "load"}}],
                "contexts": [{"name": "load", "context": context}],
            }
        )
    )


def _listen(api: Api, prompt: Callable[[], object]) -> None:
    """Obey stdin until it ends."""
    loop = asyncio.get_running_loop()

    def obey(line: str) -> None:
        api.obey(line)
        print(line, flush=True)

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(obey, line.strip())
        loop.call_soon_threadsafe(prompt)

    threading.Thread(target=read, daemon=True).start()


async def serve(jobs: int, cronjobs: int, directory: Path) -> None:
    """Until stdin ends."""
    api, over, authority = Api(jobs, cronjobs), asyncio.Event(), Authority("load")
    prometheus = Prometheus(api.crowd)
    with tempfile.TemporaryDirectory() as scratch:
        context = authority.server_context(Path(scratch))
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=context)
    metrics = await asyncio.start_server(prometheus.serve, "127.0.0.1", 0)
    _write_kubeconfig(directory, server.sockets[0].getsockname()[1], authority)
    _listen(api, over.set)
    print(f"ready {metrics.sockets[0].getsockname()[1]}", flush=True)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
