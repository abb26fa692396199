"""Who begins first when a lab is opened."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from homelab_tui.engine import loops
from homelab_tui.engine.loops import Loops
from tests.labs import until


def noting(begun: list[str], name: str) -> Callable[[], Awaitable[None]]:
    """A loop that says that it has begun, and goes on for ever."""

    async def loop() -> None:
        begun.append(name)
        await asyncio.Event().wait()

    return loop


POLLERS = ("prometheus:main", "alertmanager:main", "switch:sw1", "probe:rpi01")


async def opened(first: list[str], light: list[str]) -> tuple[Loops, list[str]]:
    begun: list[str] = []
    lab = Loops(first, light)
    lab.start([noting(begun, "cluster")], {name: noting(begun, name) for name in POLLERS})
    await until(lambda: "cluster" in begun)
    return lab, begun


async def test_prometheus_waits_for_the_clusters_and_logins_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_FIRST_S", 3600.0)
    monkeypatch.setattr(loops, "_HEAD_START_S", 3600.0)
    lab, begun = await opened(["clusters:nuc"], ["clusters:nuc", "prometheus:main"])
    await asyncio.sleep(0)
    assert begun == ["cluster"]
    lab.hear("clusters:nuc")
    await until(lambda: "alertmanager:main" in begun)
    assert begun == ["cluster", "prometheus:main", "alertmanager:main"]
    lab.hear("prometheus:main")
    await until(lambda: "probe:rpi01" in begun)
    assert begun[3:] == ["switch:sw1", "probe:rpi01"]
    await lab.close()


async def test_a_cluster_that_says_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_FIRST_S", 0.0)
    monkeypatch.setattr(loops, "_HEAD_START_S", 0.0)
    lab, begun = await opened(["clusters:nuc"], ["clusters:nuc", "prometheus:main"])
    await until(lambda: len(begun) == 1 + len(POLLERS))
    await lab.close()


async def test_without_a_cluster_prometheus_begins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_SHOWN_S", 3600.0)
    lab, begun = await opened([], ["prometheus:main"])
    await until(lambda: {"prometheus:main", "alertmanager:main"} <= {*begun})
    await lab.close()
