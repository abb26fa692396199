"""What a Prometheus remembers of runs, asked over the wire: once for days, then for what is new, within bounds."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.jobs import CronJobPast, PastRun, RunResult
from homelab_tui.domain.merging import merge
from homelab_tui.engine.schedules import next_run
from tests.labs import start_lab
from tests.wire.prometheus_double import FAILED, OWNER, Double, prometheus, vector
from tests.wire.test_prometheus_lab import QUIET, lab_source

DAY_S = 86400
TICK = datetime.fromtimestamp(29923920 * 60, UTC)
THE_RUN = CronJobPast("ops", "backup", (PastRun("backup-29923920", TICK, RunResult.FAILED),))


def refusal(code: int = 422) -> web.Response:
    body = {"status": "error", "errorType": "execution", "error": "the query time range exceeds the limit"}
    return web.json_response(body, status=code)


class Memory(Double):
    """Answers looks at the past, and keeps how long each window was."""

    def __init__(self, longest_s: int = 400 * DAY_S, **envelope: Any) -> None:
        super().__init__()
        self.windows: list[int] = []
        self.limits: list[str] = []

        def answer(query: str, limit: str) -> web.Response:
            found = re.search(r"\[(\d+)s\]", query)
            assert found is not None
            self.windows.append(int(found[1]))
            self.limits.append(limit)
            return vector(FAILED, OWNER, **envelope) if int(found[1]) <= longest_s else refusal()

        self.past = answer


async def test_days_are_asked_for_once_and_then_what_is_new() -> None:
    memory = Memory()
    async with prometheus(memory, read_timeout_s=1.5) as (source, _):
        assert await source.read_past() == (THE_RUN,)
        assert await source.read_past() == (THE_RUN,)
    assert memory.windows == [15 * DAY_S, 600]
    assert memory.limits == ["1500ms", "1500ms"], "the server is to give up when we do"


async def test_a_server_that_refuses_so_long_a_look_is_asked_for_a_shorter_one() -> None:
    memory = Memory(longest_s=4 * DAY_S)
    async with prometheus(memory) as (source, _):
        assert await source.read_past() == (THE_RUN,)
        assert await source.read_past() == (THE_RUN,)
    assert memory.windows == [15 * DAY_S, 3 * DAY_S, 600]


async def test_one_that_refuses_every_look_says_why_and_still_tells_its_jobs() -> None:
    async with prometheus(Memory(longest_s=0)) as (source, _):
        with pytest.raises(SourceError, match="exceeds the limit"):
            await source.read_past()
        assert (await source.read_jobs()).jobs


async def test_half_an_answer_is_kept_and_the_whole_is_asked_for_again() -> None:
    memory = Memory(warnings=["store nas.home:10901 is unavailable"])
    async with prometheus(memory) as (source, _):
        assert await source.read_past() == (THE_RUN,)
        await source.read_past()
    assert memory.windows == [15 * DAY_S, 15 * DAY_S]


@pytest.mark.parametrize(
    "options", [{}, {"honor_labels": False}, {"duplicates": True}], ids=["plain", "not honored", "roll-over"]
)
async def test_the_labs_fourteen_runs_are_known_although_most_jobs_are_gone(options: dict[str, Any]) -> None:
    async with start_lab(**QUIET, **options) as lab:
        site = lab.sites["nuc"]
        source = lab_source(site.prometheus.url)
        snapshot, past = await source.read_jobs(), await source.read_past()
        await source.close()
        there = sum(one.body["metadata"]["name"].startswith("restic-nas-") for one in site.cluster.store.all("jobs"))
    [known] = [one for one in past if one.cronjob == "restic-nas"]
    assert there < len(known.runs) == 14
    view = merge([], [snapshot], (), lab.world.clock.now(), 5.0, next_run)
    [before] = [one for one in view.cronjobs if one.name == "restic-nas"]
    assert len(before.history) < 14
