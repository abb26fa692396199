"""`homelab watch` and `homelab report` against the demo lab; the news arrives at a server on loopback."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.demo.lab import DemoLab

BROWNED_OUT = 0x50005


class Hook:
    """A server that takes news; the first `refusals` of them it refuses."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals = 0
        self.got: asyncio.Queue[tuple[dict[str, str], str]] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        """POST /anything."""
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=503)
        self.got.put_nowait((dict(request.headers), await request.text()))
        return web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/{token}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hidden-token"
    try:
        yield made
    finally:
        await runner.cleanup()


async def homelab(lab: DemoLab, directory: Path, *words: str) -> Process:
    """The command, started."""
    config = directory / "config.toml"
    if not config.exists():
        lab.write_config(config)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "homelab_tui", "--config", str(config), *words),
        env={**os.environ, "XDG_STATE_HOME": str(directory / "state")},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )


async def ended(process: Process) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command that ends by itself."""
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def watching(lab: DemoLab, directory: Path, *words: str) -> AsyncIterator[Process]:
    """`homelab watch --json`, ended by SIGTERM."""
    process = await homelab(lab, directory, "watch", "--json", *words)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 128 + signal.SIGTERM
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def change(process: Process, key: str, kind: str) -> Any:
    """The next line of that kind about that incident."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while line := await process.stdout.readline():
            document = json.loads(line)
            if (document["incident"]["key"], document["change"]) == (key, kind):
                return document
    raise AssertionError("it has ended")


async def test_an_incident_is_told_when_it_begins_and_when_it_is_over(lab: DemoLab, tmp_path: Path, hook: Hook) -> None:
    async with watching(lab, tmp_path, "--notify", hook.url) as process:
        await change(process, "cronjob:nuc/media/thumbnails", "new")
        lab.world.set_port_admin(3, False)
        told = await change(process, "node:rpi03", "new")
        assert told["incident"]["cures"][0] == "homelab poe on rpi03"
        lab.world.set_port_admin(3, True)
        await change(process, "node:rpi03", "over")
        titles: list[str] = []
        async with asyncio.timeout(30):
            while not any(title.startswith("over: rpi03") for title in titles):
                _, body = await hook.got.get()
                titles.append(json.loads(body)["title"])
    assert any(title.startswith("rpi03: ") for title in titles)


async def test_one_look_tells_and_notifies_and_ends(lab: DemoLab, tmp_path: Path, hook: Hook) -> None:
    lab.world.set_throttled("rpi03", BROWNED_OUT)
    hook.refusals = 1  # a first try that fails is tried again
    secret = tmp_path / "address"
    secret.write_text(hook.url + "\n")
    status, out, err = await ended(
        await homelab(lab, tmp_path, "watch", "--once", "--ntfy", "--notify", f"@{secret}", "--json")
    )
    assert status == 0, err
    keys = {one["key"] for one in json.loads(out)["incidents"]}
    assert "node:rpi03" in keys
    sent = [hook.got.get_nowait() for _ in range(hook.got.qsize())]
    assert len(sent) == len(keys)
    [(headers, text)] = [one for one in sent if one[0]["Title"].startswith("rpi03")]
    assert headers["Priority"] == "high"
    assert "homelab poe cycle rpi03" in text


async def test_a_place_that_takes_no_news_fails_the_one_look_and_its_path_is_not_told(
    lab: DemoLab, tmp_path: Path, hook: Hook
) -> None:
    hook.refusals = 10**6
    status, _, err = await ended(await homelab(lab, tmp_path, "watch", "--once", "--notify", hook.url))
    assert status == 1
    assert "answered 503" in err
    assert "hidden-token" not in err


@pytest.mark.parametrize("given", ["ftp://host/hidden", "hidden", "@/nowhere/hidden-file"])
async def test_what_is_no_address_is_refused_before_anything_is_asked(lab: DemoLab, tmp_path: Path, given: str) -> None:
    status, out, err = await ended(await homelab(lab, tmp_path, "watch", "--once", "--notify", given))
    assert (status, out) == (2, "")
    assert "--notify" in err
    assert given.startswith("@") or given not in err


async def test_a_report_has_every_noun_in_markdown_and_in_json(lab: DemoLab, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    status, out, err = await ended(await homelab(lab, tmp_path, "report", "--output", str(target), "--json"))
    assert status == 0, err
    document = json.loads(out)
    assert {"incidents", "nodes", "poe", "keys", "jobs"} <= set(document)
    assert len(document["nodes"]["nodes"]) == 8
    text = target.read_text()
    for heading in ("What is wrong", "Nodes", "PoE", "Keys", "CronJobs", "Failed Jobs"):
        assert f"## {heading}\n" in text
    assert "| nuc02 | up | NUC11PAHi5 |" in text
    assert text.count("sw1/") == 8
    status, _, err = await ended(await homelab(lab, tmp_path, "report", "--output", str(target)))
    assert status == 2
    assert "--force" in err
