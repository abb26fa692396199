"""What the API server lets us do, asked in the background so that a key can say in advance why it is dim."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from homelab_tui.engine.ports import Clock

log = logging.getLogger(__name__)
NEEDED: dict[str, tuple[str, str]] = {
    "jobs.delete": ("delete", "jobs.batch"),
    "jobs.clear-recovered": ("delete", "jobs.batch"),
    "jobs.expire": ("patch", "jobs.batch"),
    "jobs.rerun": ("create", "jobs.batch"),
    "jobs.trigger": ("create", "jobs.batch"),
    "jobs.suspend": ("patch", "cronjobs.batch"),
    "jobs.limits": ("patch", "cronjobs.batch"),
    "jobs.logs": ("get", "pods/log"),
    "jobs.events": ("list", "events"),
    "jobs.yaml": ("get", "jobs.batch"),
}
"""Command id → verb and resource."""
_VALID = timedelta(minutes=5)
_UNANSWERED = timedelta(seconds=30)
_AT_ONCE = 4
_AFTER_S = 0.1
"""What the question is about is drawn meanwhile."""
Question = tuple[str, str, str, str]
"""Cluster, namespace, verb, resource."""


class ReviewsAccess(Protocol):
    """A cluster that answers SelfSubjectAccessReviews."""

    @property
    def name(self) -> str:
        """In the configuration."""
        ...

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        """None when the question was not answered."""
        ...


class AccessReviews:
    """Remembers the answers for five minutes. What is not known is not forbidden: the act itself is told a 403."""

    def __init__(self, clusters: Sequence[ReviewsAccess], clock: Clock) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._clock = clock
        self._known: dict[Question, tuple[bool | None, datetime]] = {}
        self._asking: dict[Question, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def why_not(self, command_id: str, cluster: str, namespace: str) -> str | None:
        """Why a command would be refused there, as far as that is known by now; asks when it is not."""
        if command_id not in NEEDED or cluster not in self._clusters:
            return None
        verb, resource = NEEDED[command_id]
        if self.may(cluster, namespace, verb, resource) is not False:
            return None
        return f"not allowed: this account may not {verb} {resource} in namespace {namespace} of {cluster}"

    def may(self, cluster: str, namespace: str, verb: str, resource: str) -> bool | None:
        """The last answer; None as long as there is none. Returns at once."""
        question = (cluster, namespace, verb, resource)
        allowed, at = self._known.get(question, (None, None))
        valid = _UNANSWERED if allowed is None else _VALID
        if (at is None or self._clock.now() - at > valid) and question not in self._asking:
            self._begin(question, self._ask(question))
        return allowed

    def _begin(self, question: Question, asking: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(asking, name=f"may we {question[2]} {question[3]}?")
        self._asking[question] = task
        task.add_done_callback(lambda _task: self._asking.pop(question, None))

    async def _ask(self, question: Question) -> None:
        cluster, namespace, verb, resource = question
        allowed = None
        await asyncio.sleep(_AFTER_S)
        try:
            async with self._slots:
                allowed = await self._clusters[cluster].is_allowed(verb, resource, namespace)
        except Exception:
            log.exception("%s: access review: internal error", cluster)
        self._known[question] = (allowed, self._clock.now())

    async def close(self) -> None:
        """Ask no more."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
