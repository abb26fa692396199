"""List, then watch, against a server that ends, breaks, forgets and splits."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.domain.errors import SourceError, SourceForbidden, SourceGarbled, SourceMissing, SourceUnreachable
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.watching import Watched
from homelab_tui.sources.kube_watch import lines
from tests.wire.hostile_api import api, job, line, listed, raw_server, source, status, streaming, write_kubeconfig

FAILED: dict[str, Any] = {"conditions": [{"type": "Failed", "status": "True"}]}


def is_watch(request: web.Request) -> bool:
    return request.query.get("watch") == "true"


async def step(steps: AsyncIterator[Watched[Job]]) -> Watched[Job]:
    async with asyncio.timeout(20):
        return await anext(steps)


def names(watched: Watched[Job]) -> list[str]:
    return [item.id.name for item in watched.items]


async def test_first_the_list_then_what_changes_newest_state_only(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not is_watch(request):
            return listed(job("a"), job("b"))
        response = await streaming(request)
        together = line("MODIFIED", job("a", active=1)) + line("MODIFIED", job("a", **FAILED)) + line("ADDED", job("c"))
        await response.write(together + line("DELETED", job("c")) + line("DELETED", job("b")))
        await asyncio.Event().wait()
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        first = await step(steps)
        assert (first.is_list, names(first)) == (True, ["a", "b"])
        second = await step(steps)
        assert (second.is_list, names(second)) == (False, ["a"])
        assert second.items[0].state is JobState.FAILED
        assert second.gone == ("uid-c", "uid-b")
        query = hostile.requests[-1].query
        assert (query["resourceVersion"], query["allowWatchBookmarks"]) == ("10", "true")
        assert 0 < int(query["timeoutSeconds"]) < 60
        await steps.aclose()


async def test_events_cut_anywhere_are_put_together(tmp_path: Path) -> None:
    long = line("ADDED", job("long", note="x" * 300_000)) + b"\n\n"
    text = long + line("ADDED", job("köln-🍓"))

    async def answer(request: web.Request) -> web.StreamResponse:
        if not is_watch(request):
            return listed()
        response = await streaming(request)
        for start in range(0, len(text), 7_919):
            await response.write(text[start : start + 7_919])
            await asyncio.sleep(0)
        await asyncio.Event().wait()
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        seen: list[str] = []
        while len(seen) < 2:
            seen += names(await step(steps))
        assert seen == ["long", "köln-🍓"]
        await steps.aclose()


async def test_a_watch_that_ends_goes_on_from_the_last_version_bookmarks_included(tmp_path: Path) -> None:
    rounds = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal rounds
        if not is_watch(request):
            return listed(job("a"))
        rounds += 1
        response = await streaming(request)
        if rounds == 1:
            await response.write(line("MODIFIED", job("a", version="11", active=1)))
        elif rounds == 2:
            await response.write(line("BOOKMARK", {"kind": "Job", "metadata": {"resourceVersion": "55"}}))
        elif rounds == 3:
            await response.write(line("MODIFIED", job("a", version="60", **FAILED)).rstrip(b"\n"))
        else:
            await asyncio.Event().wait()
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        assert (await step(steps)).items[0].state is JobState.RUNNING
        assert (await step(steps)).items[0].state is JobState.FAILED, "a last line without an end counts"
        asked = [request.query["resourceVersion"] for request in hostile.requests if is_watch(request)]
        assert asked[:3] == ["10", "11", "55"]
        assert sum(not is_watch(request) for request in hostile.requests) == 1, "no second list"
        await steps.aclose()


async def test_a_server_that_ends_every_watch_at_once_is_not_hammered(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await streaming(request) if is_watch(request) else listed()

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(steps), 1.5)
        assert sum(is_watch(request) for request in hostile.requests) <= 2


@pytest.mark.parametrize("how", ["as a status", "as an event"])
async def test_a_server_that_forgot_is_listed_again(tmp_path: Path, how: str) -> None:
    lists = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal lists
        if not is_watch(request):
            lists += 1
            return listed(job(f"of-list-{lists}"), version=str(lists * 10))
        if lists > 1:
            await asyncio.Event().wait()
        if how == "as a status":
            return status(410, "too old resource version: 10 (99)", reason="Expired")
        response = await streaming(request)
        await response.write(line("ADDED", job("in-between")))
        gone = {"kind": "Status", "code": 410, "message": "too old resource version", "reason": "Expired"}
        await response.write(line("ERROR", gone))
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        seen = [await step(steps)]
        while len(seen) == 1 or not seen[-1].is_list:
            seen.append(await step(steps))
        assert names(seen[-1]) == ["of-list-2"]
        await steps.aclose()


async def test_a_list_that_expires_between_its_pages_starts_again(tmp_path: Path) -> None:
    tries = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal tries
        if "continue" not in request.query:
            tries += 1
            return listed(job(f"first-{tries}"), proceed="token")
        if tries == 1:
            return status(410, "The provided continue parameter is too old", reason="Expired")
        return listed(job("second"))

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        assert [found.id.name for found in await lab.list_jobs()] == ["first-2", "second"]
        assert all(request.query["limit"] == "250" for request in hostile.requests)


async def test_a_server_that_repeats_a_page_for_ever_is_left(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return listed(job("a"), proceed="same")

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceGarbled, match="repeats the same page"):
            await lab.list_jobs()


async def test_several_namespaces_are_one_watch(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        space = request.path.split("/")[5]
        if not is_watch(request):
            return listed(job(f"of-{space}", namespace=space))
        response = await streaming(request)
        await response.write(line("ADDED", job(f"new-in-{space}", namespace=space)))
        await asyncio.Event().wait()
        return response

    async with (
        api(answer) as hostile,
        source(write_kubeconfig(tmp_path, hostile.url), namespaces=("apps", "media")) as lab,
    ):
        steps = lab.watch_jobs()
        first = await step(steps)
        assert (first.is_list, names(first)) == (True, ["of-apps", "of-media"])
        seen: set[str] = set()
        while len(seen) < 2:
            found = await step(steps)
            assert not found.is_list
            seen |= set(names(found))
        assert seen == {"new-in-apps", "new-in-media"}
        await steps.aclose()
        assert all("/namespaces/" in path for path in hostile.paths())


async def test_closing_or_cancelling_a_watch_frees_its_connection(tmp_path: Path) -> None:
    left = asyncio.Queue[str]()
    watched = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if not is_watch(request):
            return listed()
        response = await streaming(request)
        watched.set()
        try:
            while True:
                await response.write(b"\n")
                await asyncio.sleep(0.01)
        finally:
            left.put_nowait("left")

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list

        async def wait_for_more() -> None:
            await anext(steps)

        waiting = asyncio.create_task(wait_for_more())
        await asyncio.wait_for(watched.wait(), 20)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(left.get(), 20)

        again = lab.watch_jobs()
        assert (await step(again)).is_list
        watched.clear()
        pending = asyncio.ensure_future(anext(again))
        await asyncio.wait_for(watched.wait(), 20)
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await again.aclose()
        await asyncio.wait_for(left.get(), 20)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watch ")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"<html>", SourceGarbled),
        (b'{"type":"ADDED","object":{"metadata":{"name":"a"', SourceGarbled),
        (b'{"type":"ADDED","object":[]}\n', SourceGarbled),
        (line("ERROR", {"kind": "Status", "code": 500, "message": "etcd has no leader"}), SourceError),
        (line("ERROR", {"surprise": True}), SourceError),
    ],
)
async def test_garbage_in_a_watch_is_an_error_of_ours(tmp_path: Path, text: bytes, error: type[SourceError]) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not is_watch(request):
            return listed()
        response = await streaming(request)
        await response.write(text)
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        with pytest.raises(error, match="lab: watch Jobs of all namespaces"):
            await step(steps)


async def test_unknown_kinds_of_events_are_passed_over(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not is_watch(request):
            return listed()
        response = await streaming(request)
        await response.write(line("SPARKLE", job("x")) + line("ADDED", job("a")))
        await asyncio.Event().wait()
        return response

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        assert names(await step(steps)) == ["a"]
        await steps.aclose()


@pytest.mark.parametrize("end", ["reset", "closed"])
async def test_a_wire_that_breaks_is_told(tmp_path: Path, end: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"watch=true" not in head:
                body = b'{"metadata":{"resourceVersion":"1"},"items":[]}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
                continue
            part = b'{"type":"ADD'
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
            if end == "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST

    async with raw_server(talk) as url, source(write_kubeconfig(tmp_path, url)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        with pytest.raises((SourceUnreachable, SourceGarbled), match=r"127\.0\.0\.1"):
            await step(steps)


async def test_a_namespace_user_is_told_what_to_set(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return status(403, 'jobs.batch is forbidden: User "me" cannot list resource "jobs"', reason="Forbidden")

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceForbidden, match="set `namespaces`") as caught:
            await step(lab.watch_jobs())
        assert (caught.value.verb, caught.value.resource) == ("list", "jobs.batch")
        with pytest.raises(SourceForbidden) as caught:
            await lab.list_nodes()
        assert (caught.value.verb, caught.value.resource) == ("list", "nodes")
        assert "namespaces`" not in str(caught.value)


async def test_list_without_watch_permission_names_the_watch(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return status(403, "no", reason="Forbidden") if is_watch(request) else listed()

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url), namespaces=("apps",)) as lab:
        steps = lab.watch_jobs()
        assert (await step(steps)).is_list
        with pytest.raises(SourceForbidden, match=r"ask for the permission: watch on jobs\.batch"):
            await step(steps)


async def test_lines_of_every_cut_are_the_same() -> None:
    text = b'{"a":1}\n\n{"b":"\xc3\xb6"}\r\n{"c":3}'

    async def cut(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    for size in range(1, len(text) + 1):
        found = [json.loads(one) for batch in [batch async for batch in lines(cut(size))] for one in batch]
        assert found == [{"a": 1}, {"b": "ö"}, {"c": 3}]


async def test_a_line_without_an_end_is_given_up() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 2**20

    with pytest.raises(SourceGarbled, match="a line of more than"):
        async for _ in lines(endless()):
            pass


async def test_a_missing_collection_is_missing(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return status(404, "the server could not find the requested resource", reason="NotFound")

    async with api(answer) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceMissing):
            await lab.list_cronjobs()
