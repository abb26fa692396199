"""Silencing a Job's alert in every Alertmanager, and ending that again."""

import asyncio
import getpass
import os
import socket
from collections.abc import Callable, Sequence
from datetime import timedelta

from homelab_tui.config.model import AlertmanagerConfig
from homelab_tui.domain.alerts import OURS, AlertmanagerSnapshot, Matcher, matchers_for, our_silences_of
from homelab_tui.domain.errors import ActionRefused, HomelabError, SourceMissing
from homelab_tui.domain.jobs import Job
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.state import LabState
from homelab_tui.engine.kubectl import silence_lines
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress, Work
from homelab_tui.engine.ports import Clock, HoldsAlerts

NO_ALERTMANAGER = "no [[alertmanagers]] are configured: there is nothing that could be silenced"


class SilenceActions:
    """Silence and un-silence, over the Alertmanagers of the lab."""

    def __init__(
        self,
        alertmanagers: Sequence[HoldsAlerts],
        operations: Operations,
        clock: Clock,
        state: Callable[[], LabState],
        wake: Callable[[], None],
        *,
        read_only: bool,
        servers: Sequence[AlertmanagerConfig] = (),
    ) -> None:
        """`wake` has the Alertmanagers asked again after an act. `servers`: as they are configured."""
        self._servers = tuple(servers)
        self._alertmanagers = {server.name: server for server in alertmanagers}
        self._operations = operations
        self._clock = clock
        self._state = state
        self._wake = wake
        self._read_only = read_only

    @property
    def is_possible(self) -> bool:
        """Whether there is any Alertmanager."""
        return bool(self._alertmanagers)

    def is_silenced_by_us(self, job: Job) -> bool:
        """Whether a silence of ours for just this Job is in force."""
        return bool(our_silences_of(job, self._told()))

    def plan_silence(self, jobs: Sequence[Job], for_s: float, comment: str) -> Plan:
        """What silencing these Jobs will do."""
        ends_at = self._clock.now() + timedelta(seconds=for_s)
        return Plan(
            kind="jobs.silence",
            title=f"Silence {_of(jobs)} until {ends_at:%Y-%m-%d %H:%M} UTC",
            steps=tuple(PlanStep(str(job.id), _text(self._matchers(job))) for job in jobs),
            notes=(
                f"in {', '.join(self._alertmanagers)}; comment: {comment}",
                "nobody is woken meanwhile; the failed Job and its alert stay",
            ),
            refusals=self._refusals(),
        )

    def commands(self, jobs: Sequence[Job], for_s: float, comment: str) -> tuple[str, ...]:
        """The `amtool` commands that silence these Jobs."""
        return silence_lines(self._servers, [self._matchers(job) for job in jobs], for_s, comment)

    def plan_unsilence(self, jobs: Sequence[Job]) -> Plan:
        """What ending our silences of these Jobs will do."""
        steps = [
            PlanStep(str(job.id), f"ends silence {silence.id[:8]} of {silence.created_by}: {silence.comment}")
            for job in jobs
            for silence in our_silences_of(job, self._told())
        ]
        return Plan(
            kind="jobs.silence",
            title=f"End the silence of {_of(jobs)}",
            steps=tuple(steps),
            notes=("an alert that still fires is sent again at once",),
            refusals=self._refusals(),
        )

    async def silence(self, job: Job, for_s: float, comment: str) -> Result:
        """Make a silence for its alert in every Alertmanager. `created` is the (first) silence's id."""
        name = str(job.id)

        async def work(_progress: Progress) -> Result:
            self._check()
            now = self._clock.now()
            matchers = self._matchers(job)
            earlier = our_silences_of(job, self._told())

            async def make(server: HoldsAlerts) -> str:
                return await server.create_silence(
                    matchers,
                    starts_at=now,
                    ends_at=now + timedelta(seconds=for_s),
                    created_by=_me(),
                    comment=comment,
                )

            made = await asyncio.gather(*map(make, self._alertmanagers.values()), return_exceptions=True)
            ids, failures = _outcome(made)
            # The new one stands: the old ones of ours only end now, so that there is no moment between them.
            await asyncio.gather(
                *(self._alertmanagers[one.alertmanager].expire_silence(one.id) for one in earlier if not failures),
                return_exceptions=True,
            )
            if failures:
                return Result(name, ok=False, changed=bool(ids), detail="; ".join(failures), created=_first(ids))
            until = now + timedelta(seconds=for_s)
            detail = f"silenced until {until:%Y-%m-%d %H:%M} UTC"
            return Result(name, ok=True, changed=True, detail=detail, created=_first(ids))

        return await self._run(name, "silencing…", work)

    async def unsilence(self, job: Job) -> Result:
        """End every silence that this program made for just this Job."""
        name = str(job.id)

        async def work(_progress: Progress) -> Result:
            self._check()
            ours = our_silences_of(job, self._told())
            if not ours:
                return Result(name, ok=True, changed=False, detail="no silence of ours is in force")
            ended = await asyncio.gather(
                *(self._alertmanagers[one.alertmanager].expire_silence(one.id) for one in ours),
                return_exceptions=True,
            )
            done, failures = _outcome(ended)
            if failures:
                return Result(name, ok=False, changed=any(done), detail="; ".join(failures))
            return Result(name, ok=True, changed=any(done), detail="the silence has ended")

        return await self._run(name, "ending the silence…", work)

    async def _run(self, name: str, stage: str, work: Work) -> Result:
        try:
            return await self._operations.run("jobs.silence", f"job:{name}", stage, work)
        finally:
            self._wake()

    def _told(self) -> tuple[AlertmanagerSnapshot, ...]:
        return tuple(reading.value for _, reading in self._state().alertmanagers if reading.value is not None)

    def _matchers(self, job: Job) -> tuple[Matcher, ...]:
        snapshots = [r.value for _, r in self._state().prometheus if r.value and r.value.cluster == job.id.cluster]
        names = [
            alert.name
            for snapshot in snapshots
            for alert in snapshot.alerts or ()
            if (alert.namespace, alert.job_name) == (job.id.namespace, job.id.name)
        ]
        return matchers_for(job, self._told(), names)

    def _refusals(self) -> tuple[str, ...]:
        if self._read_only:
            return (READ_ONLY,)
        return () if self._alertmanagers else (NO_ALERTMANAGER,)

    def _check(self) -> None:
        if self._read_only:
            raise ActionRefused(READ_ONLY)
        if not self._alertmanagers:
            raise SourceMissing(NO_ALERTMANAGER)


def _outcome(found: Sequence[object]) -> tuple[list[object], list[str]]:
    """What came back, and what went wrong in words. A bug is raised."""
    failures = []
    for one in found:
        if isinstance(one, BaseException):
            if not isinstance(one, HomelabError):
                raise one
            failures.append(str(one))
    return [one for one in found if not isinstance(one, BaseException)], failures


def _first(ids: Sequence[object]) -> str | None:
    return str(ids[0]) if ids else None


def _text(matchers: Sequence[Matcher]) -> str:
    return ", ".join(f'{matcher.name}="{matcher.value}"' for matcher in matchers)


def _of(jobs: Sequence[Job]) -> str:
    return str(jobs[0].id) if len(jobs) == 1 else f"{len(jobs)} Jobs"


def _me() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} {OURS}"
