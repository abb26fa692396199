"""Debian's own Prometheus on a free port, scraping what a test serves."""

import asyncio
import json
import socket
import subprocess
import urllib.error
import urllib.request
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from homelab_tui.config.model import PrometheusConfig
from homelab_tui.sources.prometheus import PrometheusSource
from tests.servers import require_binary

_START_S = 30.0
_ATTEMPTS = 3


class Exposition:
    """An exporter: what it exposes can be changed while it is scraped. None: it is down."""

    def __init__(self, text: str = "") -> None:
        self.text: str | None = text
        self.address = ""


@asynccontextmanager
async def exporter(text: str = "") -> AsyncIterator[Exposition]:
    """A running exporter on loopback; its pages are all the same."""
    exposition = Exposition(text)

    async def answer(_request: web.Request) -> web.StreamResponse:
        if exposition.text is None:
            return web.Response(status=503)
        return web.Response(text=exposition.text, headers={"Content-Type": "text/plain; version=0.0.4"})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    exposition.address = f"{host}:{port}"
    try:
        yield exposition
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class ScrapeJob:
    """One scrape job of a configuration."""

    name: str
    address: str
    honor_labels: bool = False
    targets: tuple[dict[str, str], ...] = ({},)
    """Labels of each target; all are the same exporter."""

    def text(self) -> str:
        """Its entry in prometheus.yml; YAML takes JSON."""
        return "  - " + json.dumps(
            {
                "job_name": self.name,
                "honor_labels": self.honor_labels,
                "static_configs": [{"targets": [self.address], "labels": labels} for labels in self.targets],
            }
        )


@dataclass(frozen=True)
class Settings:
    """How a Prometheus is started."""

    scrapes: tuple[ScrapeJob, ...]
    rules: str = ""
    prefix: str = ""
    web_config: str = ""
    history: str = ""
    """OpenMetrics with timestamps: what it has stored before it is started."""

    def write(self, directory: Path) -> Path:
        """Configuration and rules, approved by promtool."""
        config, rules = directory / "prometheus.yml", directory / "rules.yml"
        lines = ["global:", "  scrape_interval: 1s", "  scrape_timeout: 1s", "  evaluation_interval: 1s"]
        if self.rules:
            rules.write_text(self.rules)
            promtool("check", "rules", str(rules))
            lines += ["rule_files:", f"  - {json.dumps(str(rules))}"]
        config.write_text("\n".join([*lines, "scrape_configs:", *(job.text() for job in self.scrapes), ""]))
        promtool("check", "config", str(config))
        return config


def promtool(*arguments: str) -> str:
    """What promtool says. Raises: AssertionError with its words when it objects."""
    done = subprocess.run([str(require_binary("promtool")), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"promtool {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


@asynccontextmanager
async def running(directory: Path, settings: Settings) -> AsyncIterator[str]:
    """A ready Prometheus; gives its base URL. Its data is below `directory`."""
    program = require_binary("prometheus")
    config = settings.write(directory)
    for attempt in range(_ATTEMPTS):
        port = _free_port()
        data = directory / f"data-{attempt}"
        if settings.history:
            (directory / "history.om").write_text(settings.history)
            promtool("tsdb", "create-blocks-from", "openmetrics", str(directory / "history.om"), str(data))
        flags = [
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        if settings.prefix:
            flags += [f"--web.external-url=http://127.0.0.1:{port}{settings.prefix}"]
        if settings.web_config:
            web_config = directory / "web.yml"
            web_config.write_text(settings.web_config)
            flags += [f"--web.config.file={web_config}"]
        with (directory / "prometheus.log").open("wb") as log:
            server = await asyncio.create_subprocess_exec(program, *flags, stdin=DEVNULL, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}{settings.prefix}"
        try:
            # Another program may have taken the port in between: then Prometheus ends, and the next port is tried.
            if await _is_ready(server, f"{url}/-/ready"):
                yield url
                return
        finally:
            if server.returncode is None:
                server.kill()  # its data is thrown away, so it need not be saved
            await server.wait()
    raise AssertionError((directory / "prometheus.log").read_text())


async def _is_ready(server: Process, url: str) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_S
    while loop.time() < deadline and server.returncode is None:
        if await asyncio.to_thread(_answers, url):
            return True
        await asyncio.sleep(0.05)
    return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401  # it asks for a password, so it is there
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def source(url: str, **settings: object) -> AsyncIterator[PrometheusSource]:
    """Our source on that server, closed at the end."""
    found = PrometheusSource(PrometheusConfig("main", url=url, cluster="nuc", **settings))  # type: ignore[arg-type]
    try:
        yield found
    finally:
        await found.close()
