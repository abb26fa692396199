"""Long lists come in steps, what is waited for first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.watching import Watched
from tests.wire.hostile_api import api, job, listed, source, status, write_kubeconfig

FAILED: dict[str, Any] = {"conditions": [{"type": "Failed", "status": "True"}]}
Answer = Callable[[web.Request], web.Response]


async def steps_of(tmp_path: Path, answer: Answer, count: int) -> list[Watched[Job]]:
    """The first steps of a watch of Jobs."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        watched = lab.watch_jobs()
        found = [await anext(watched) for _ in range(count)]
        await watched.aclose()
        return found


def names(step: Watched[Job]) -> list[str]:
    return [item.id.name for item in step.items]


def paged(request: web.Request) -> web.Response:
    """Three pages of one Job each; the last of them failed, and so did one that is gone when the list gets there."""
    if "fieldSelector" in request.query:
        assert request.query["fieldSelector"] == "status.successful=0"
        return listed(job("c", **FAILED), job("gone", **FAILED))
    following = {None: "2", "2": "3", "3": ""}[request.query.get("continue")]
    item = {"2": job("a"), "3": job("b"), "": job("c", **FAILED)}[following]
    return listed(item, proceed=following)


async def test_of_a_long_list_the_failures_come_before_the_other_pages(tmp_path: Path) -> None:
    first, second, third, last = await steps_of(tmp_path, paged, 4)
    assert (first.is_list, first.has_more, names(first)) == (True, True, ["a", "c", "gone"])
    assert [job.state for job in first.items[1:]] == [JobState.FAILED, JobState.FAILED]
    assert [(step.is_list, names(step)) for step in (second, third)] == [(False, ["b"]), (False, ["c"])]
    assert (last.is_list, last.items) == (False, ())
    assert last.all_uids == frozenset({"uid-a", "uid-b", "uid-c"}), "not what went meanwhile"


async def test_of_many_failures_the_first_page_waits_for_no_other(tmp_path: Path) -> None:
    def answer(request: web.Request) -> web.Response:
        if "fieldSelector" in request.query:
            last = request.query.get("continue") == "more"
            return listed(job("second" if last else "first", **FAILED), proceed="" if last else "more")
        return paged(request)

    found = await steps_of(tmp_path, answer, 5)
    assert [names(step) for step in found] == [["a", "first"], ["second"], ["b"], ["c"], []]
    assert [step.has_more for step in found] == [True, False, False, False, False]


async def test_cronjobs_come_page_by_page_too(tmp_path: Path) -> None:
    def item(name: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "namespace": "ops", "uid": name}, "spec": {"schedule": "@daily"}}

    async def handle(request: web.Request) -> web.StreamResponse:
        assert "fieldSelector" not in request.query, "nothing of CronJobs is waited for"
        return listed(item("b")) if "continue" in request.query else listed(item("a"), proceed="2")

    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        watched = lab.watch_cronjobs()
        first, second, last = [await anext(watched) for _ in range(3)]
        await watched.aclose()
    assert [[one.name for one in step.items] for step in (first, second, last)] == [["a"], ["b"], []]
    assert (first.is_list, first.has_more, last.all_uids) == (True, True, frozenset({"a", "b"}))


async def test_a_short_list_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return listed(job("a"), job("b"))

    [first] = await steps_of(tmp_path, answer, 1)
    assert (first.is_list, first.has_more, names(first)) == (True, False, ["a", "b"])
    assert len(asked) == 1


async def test_a_server_that_does_not_know_the_selector_gives_everything_in_its_turn(tmp_path: Path) -> None:
    def answer(request: web.Request) -> web.Response:
        if "fieldSelector" in request.query:
            return status(400, "field label not supported: status.successful", reason="BadRequest")
        return paged(request)

    first, second, third = await steps_of(tmp_path, answer, 3)
    assert [names(step) for step in (first, second, third)] == [["a"], ["b"], ["c"]]


async def test_a_long_list_that_expires_half_way_is_given_whole(tmp_path: Path) -> None:
    expired: list[bool] = []

    def answer(request: web.Request) -> web.Response:
        if request.query.get("continue") == "3" and not expired:
            expired.append(True)
            return status(410, "The provided continue parameter is too old", reason="Expired")
        return paged(request)

    first, second, whole = await steps_of(tmp_path, answer, 3)
    assert (names(first), names(second)) == (["a", "c", "gone"], ["b"])
    assert (whole.is_list, names(whole)) == (True, ["a", "b", "c"])
