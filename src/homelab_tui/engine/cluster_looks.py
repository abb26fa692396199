"""One look at a cluster, without watching it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.engine.ports import ReadsJobs

E = TypeVar("E")


async def read_cluster(source: ReadsJobs) -> ClusterJobs:
    """One look at a cluster without watching it: for the command line.

    Raises: SourceError when Jobs or CronJobs cannot be listed.
    """
    notes: list[str] = []
    jobs, cronjobs, pods, nodes = await asyncio.gather(
        source.list_jobs(),
        source.list_cronjobs(),
        _or_note(source.list_job_pods(), notes),
        _or_note(source.list_nodes(), notes),
    )
    return ClusterJobs(source.name, jobs, cronjobs, pods, nodes, tuple(notes))


async def _or_note(read: Awaitable[tuple[E, ...]], notes: list[str]) -> tuple[E, ...]:
    """What was read, or nothing and a note why: Pods and Nodes are extra."""
    try:
        return await read
    except SourceError as error:
        notes.append(str(error))
        return ()
