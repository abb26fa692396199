"""Pod logs of the demo's Kubernetes API."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.kubelet import Kubelet, Run
from homelab_tui.demo.kubernetes_access import Target
from homelab_tui.demo.kubernetes_status import ApiError, not_found, query_integer
from homelab_tui.demo.objects import parse_rfc3339


class Logs:
    """What the containers of one cluster printed."""

    def __init__(self, cluster: DemoCluster, kubelet: Kubelet) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.kubelet = kubelet

    async def read(
        self, target: Target, query: dict[str, str], request: web.BaseRequest, server: LoopbackServer
    ) -> web.StreamResponse:
        """A container's log as text; of the API's options all but `insecureSkipTLSVerifyBackend` count."""
        _check_log_options(query)
        run = self._run_of(target, query)
        show = _log_format(query)
        now = self.cluster.clock.now()
        lines = run.lines(now)
        shown = _since(lines, query, now)
        if (tail := query.get("tailLines")) is not None:
            shown = shown[len(shown) - min(int(tail), len(shown)) :]
        text = "".join(show(at, line) for at, line in shown).encode()
        if limit := query.get("limitBytes"):
            text = text[: int(limit)]
        if query.get("follow") not in ("1", "true", "True"):
            return web.Response(body=text, content_type="text/plain")
        response = web.StreamResponse(headers={"Content-Type": "text/plain", **server.dated()})
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await response.write(text)
            seen = len(lines)
            while run.ended_at is None or seen < len(run.lines(self.cluster.clock.now())):
                await server.silence()
                lines = run.lines(self.cluster.clock.now())
                for at, line in lines[seen:]:
                    await response.write(show(at, line).encode())
                seen = len(lines)
                await asyncio.sleep(0.1)
                if self.store.get("pods", target.namespace, target.name) is None:
                    break
        except ConnectionError:
            pass  # the client went away
        return response

    def _run_of(self, target: Target, query: dict[str, str]) -> Run:
        stored = self.store.get("pods", target.namespace, target.name)
        if stored is None:
            raise not_found(target.kind, target.name)
        pod, names = stored.body, [item["name"] for item in stored.body["spec"]["containers"]]
        container = query.get("container") or names[0]
        if container not in names:
            raise ApiError(400, f"container {container} is not valid for pod {target.name}")
        node = pod["spec"].get("nodeName")
        if node in self.kubelet.machines and self.kubelet.machines[node].power != "on":
            address = self.kubelet.machines[node].address
            where = f"https://{address}:10250/containerLogs/{target.namespace}/{target.name}/{container}"
            raise ApiError(500, f'Get "{where}": dial tcp {address}:10250: connect: no route to host', "InternalError")
        runs = self.kubelet.runs.get(pod["metadata"]["uid"], [])
        if query.get("previous") in ("1", "true", "True"):
            if len(runs) < 2:
                raise ApiError(400, f'previous terminated container "{container}" in pod "{target.name}" not found')
            return runs[-2]
        if not runs:
            why = "ContainerCreating" if node else "no host assigned"
            raise ApiError(400, f'container "{container}" in pod "{target.name}" is waiting to start: {why}')
        return runs[-1]


def _check_log_options(query: dict[str, str]) -> None:
    """Raises: ApiError 400 for what is no number or time, 422 for a number out of range."""
    for name, least in (("tailLines", 0), ("limitBytes", 1), ("sinceSeconds", 1)):
        if name in query and (number := query_integer(query, name)) < least:
            rule = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
            why = f"Invalid value: {number}: {rule}"
            cause = {"reason": "FieldValueInvalid", "message": why, "field": name}
            details = {"kind": "PodLogOptions", "causes": [cause]}
            raise ApiError(422, f'PodLogOptions "" is invalid: {name}: {why}', details=details)
    stamp = query.get("sinceTime")
    try:
        parse_rfc3339(stamp or "2026-01-01T00:00:00Z")
    except ValueError as error:
        layout = "2006-01-02T15:04:05Z07:00"
        why = f'parsing time "{stamp}" as "{layout}": cannot parse "{stamp}" as "2006"'
        raise ApiError(400, why) from error


def _log_format(query: dict[str, str]) -> Callable[[datetime, str], str]:
    if query.get("timestamps") in ("1", "true", "True"):
        return lambda at, line: f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z {line}\n"
    return lambda at, line: f"{line}\n"


def _since(lines: list[tuple[datetime, str]], query: dict[str, str], now: datetime) -> list[tuple[datetime, str]]:
    since: datetime | None = None
    if seconds := query.get("sinceSeconds"):
        since = now - timedelta(seconds=int(seconds))
    elif stamp := query.get("sinceTime"):
        since = parse_rfc3339(stamp)
    return [(at, line) for at, line in lines if since is None or at >= since]
