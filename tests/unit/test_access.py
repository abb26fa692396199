"""What we may do is asked in the background, remembered for a while, and never taken for a no when it is not known."""

import asyncio

from homelab_tui.commands import COMMANDS
from homelab_tui.engine.access import NEEDED, AccessReviews
from tests.fakes import FakeClock
from tests.labs import until


class Cluster:
    """Answers what it is told to."""

    name = "nuc"

    def __init__(self) -> None:
        self.says: bool | None | Exception = False
        self.asked: list[tuple[str, str, str]] = []
        self.hold = asyncio.Event()
        self.hold.set()

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        self.asked.append((verb, resource, namespace))
        await self.hold.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


async def test_a_no_is_told_with_what_is_missing_and_asked_once_in_five_minutes() -> None:
    cluster, clock = Cluster(), FakeClock()
    access = AccessReviews((cluster,), clock)
    assert access.why_not("jobs.delete", "nuc", "db") is None
    why = await until(lambda: access.why_not("jobs.delete", "nuc", "db"))
    assert "may not delete jobs.batch in namespace db of nuc" in why
    for _ in range(5):
        access.why_not("jobs.delete", "nuc", "db")
    assert cluster.asked == [("delete", "jobs.batch", "db")]
    clock.advance(301)
    cluster.says = True
    await until(lambda: access.why_not("jobs.delete", "nuc", "db") is None)
    assert len(cluster.asked) == 2
    await access.close()


async def test_what_is_not_known_is_not_forbidden() -> None:
    cluster, clock = Cluster(), FakeClock()
    access = AccessReviews((cluster,), clock)
    for says in (None, RuntimeError("a bug")):
        cluster.says = says
        access.may("nuc", "db", "patch", "jobs.batch")
        await until(lambda: not access._asking)
        assert access.why_not("jobs.expire", "nuc", "db") is None
        clock.advance(31)
    assert access.why_not("jobs.expire", "elsewhere", "db") is None
    assert access.why_not("jobs.silence", "nuc", "db") is None
    await access.close()


async def test_closing_waits_for_nothing() -> None:
    cluster = Cluster()
    cluster.hold.clear()
    access = AccessReviews((cluster,), FakeClock())
    access.may("nuc", "db", "patch", "jobs.batch")
    await until(lambda: cluster.asked)
    await asyncio.wait_for(access.close(), 1)


def test_every_act_of_the_api_is_reviewed() -> None:
    known = {command.id for command in COMMANDS}
    assert NEEDED.keys() <= known
    acts = {command.id for command in COMMANDS if command.pane == "jobs" and command.danger}
    assert acts - NEEDED.keys() == {"jobs.silence"}
