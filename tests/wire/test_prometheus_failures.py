"""The Prometheus source on the wire: everything that goes wrong becomes one sentence."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web

from homelab_tui.config.model import PrometheusConfig
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.values import replace
from homelab_tui.sources.prometheus import PrometheusSource
from tests.wire.hostile_api import Authority, api, raw_server
from tests.wire.prometheus_double import Double, jobs_error, prometheus

PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"


def refused(code: int, kind: str, text: str) -> web.Response:
    """An error in Prometheus' words."""
    return web.json_response({"status": "error", "errorType": kind, "error": text}, status=code)


STARTING = web.Response(status=503, text="Service Unavailable", headers={"X-Prometheus-Stopping": "false"})
SCALAR = web.json_response({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}})
NO_GZIP = web.Response(body=b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (STARTING, SourceError, "starting"),
        (web.Response(status=502, text=PAGE, content_type="text/html"), SourceError, "Bad Gateway"),
        (web.Response(status=401, text="no org id\n"), SourceRefused, "X-Scope-OrgID"),
        (web.Response(status=401, text="Unauthorized\n"), SourceRefused, "credentials"),
        (web.Response(status=403, text=PAGE, content_type="text/html"), SourceForbidden, "not allowed"),
        (web.Response(status=429, headers={"Retry-After": "9"}), SourceError, "9 s"),
        (web.Response(status=302, headers={"Location": "/login"}), SourceGarbled, "login page"),
        (web.Response(status=504), SourceTimeout, "504"),
        (refused(422, "execution", "many-to-many"), SourceRefused, "many-to-many"),
        (refused(400, "bad_data", "parse error"), SourceRefused, "parse error"),
        (SCALAR, SourceGarbled, "scalar"),
        (web.Response(text="<html>log in</html>", content_type="text/html"), SourceGarbled, "web page"),
        (NO_GZIP, SourceGarbled, "decompressed"),
    ],
)
async def test_a_bad_answer_becomes_a_sentence(answer: web.Response, kind: type[SourceError], words: str) -> None:
    double = Double()
    double.jobs = answer
    error = await jobs_error(double)
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


async def test_an_answer_without_end_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homelab_tui.sources.prometheus_exchange.MAX_ANSWER_BYTES", 3 << 20)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 262_144)

    async with api(endless) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url))
        with pytest.raises(SourceGarbled, match="larger than 3 MB"):
            await source.read_jobs()
        await source.close()


async def test_an_answer_that_drips_is_given_up() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async with api(drip) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url, connect_timeout_s=1, read_timeout_s=0.5))
        with pytest.raises(SourceTimeout, match="did not finish"):
            await source.read_jobs()
        await source.close()


async def test_silence_is_a_time_out() -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with raw_server(silent) as url:
        source = PrometheusSource(PrometheusConfig("main", url=url, read_timeout_s=0.2))
        with pytest.raises(SourceTimeout, match=r"main: no answer from 127\.0\.0\.1, port \d+ within 0\.2 s"):
            await source.read_jobs()
        await source.close()


async def test_another_protocol_is_garbled() -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\nInvalid SSH identification string.\r\n")
        await writer.drain()

    async with raw_server(ssh) as url:
        source = PrometheusSource(PrometheusConfig("main", url=url))
        with pytest.raises(SourceGarbled, match="does not speak HTTP"):
            await source.read_jobs()
        await source.close()


async def test_tls_to_a_plain_server_is_named() -> None:
    async with api(Double().handle) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url.replace("http:", "https:")))
        with pytest.raises(SourceUnreachable, match="no TLS with"):
            await source.read_jobs()
        await source.close()


async def test_a_certificate_of_ones_own_authority(tmp_path: Path) -> None:
    authority = Authority()
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)
    context = authority.server_context(tmp_path, authority.issue("prometheus", "127.0.0.1"))
    async with api(Double().handle, context) as server:
        base = PrometheusConfig("main", url=server.url)
        for config in (replace(base, ca_file=ca_file), replace(base, verify=False)):
            source = PrometheusSource(config)
            assert await source.check() == "Prometheus 2.42.0"
            await source.close()
        distrustful = PrometheusSource(base)
        with pytest.raises(SourceUnreachable, match=r"main: no TLS with .*; set ca_file"):
            await distrustful.check()
        await distrustful.close()


@pytest.mark.parametrize(
    "url", ["", "main.lan:9090", "ftp://x", "http://", "http://[::1", "http://x:99999", "http://x:0"]
)
async def test_an_impossible_url_is_named(url: str) -> None:
    source = PrometheusSource(PrometheusConfig("main", url=url))
    with pytest.raises(SourceUnreachable, match="`url`"):
        await source.read_jobs()
    await source.close()


async def test_an_unknown_host_is_named() -> None:
    source = PrometheusSource(PrometheusConfig("main", url="http://prometheus.invalid:9090"))
    with pytest.raises(SourceError, match=r"main: no connection to prometheus\.invalid, port 9090"):
        await source.read_jobs()
    await source.close()


async def test_an_unusable_ca_file_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("")
    for ca_file in (empty, tmp_path / "none.pem"):
        source = PrometheusSource(PrometheusConfig("main", url="https://127.0.0.1:1", ca_file=ca_file))
        with pytest.raises(SourceUnreachable, match="ca_file"):
            await source.read_jobs()
        await source.close()


async def test_a_source_recovers_with_its_server() -> None:
    double = Double()
    async with prometheus(double) as (source, _):
        assert (await source.read_jobs()).jobs
        double.jobs = web.Response(status=503)
        with pytest.raises(SourceError):
            await source.read_jobs()
        double.jobs = None
        assert (await source.read_jobs()).jobs


def test_making_a_source_imports_no_wire_library() -> None:
    script = (
        "import sys\n"
        "from homelab_tui.config.model import PrometheusConfig\n"
        "from homelab_tui.sources.prometheus import PrometheusSource\n"
        "PrometheusSource(PrometheusConfig('main', url='http://127.0.0.1:1'))\n"
        "print([name for name in ('httpx', 'aiohttp', 'kubernetes', 'requests') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
