"""Acts on the world: what was asked, how far it is, how it ended."""

from datetime import datetime
from enum import StrEnum

from homelab_tui.domain.values import Frozen


class OperationState(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Result(Frozen):
    """What one action did to one target. The contract's `results` entry."""

    target: str
    ok: bool
    changed: bool
    detail: str
    proven: bool | None = None
    created: str | None = None
    conflict: bool = False
    """It was not done because the target had changed since it was read: look again, and ask again."""


class Operation(Frozen):
    """One act on one target, as the screen shows it on the target's row."""

    id: str
    kind: str
    """`noun.verb`, as in the command table."""
    target: str
    """Identity of the target's row."""
    state: OperationState
    stage: str
    """What it is doing right now, in a few words: "deleting…", "off, 3 s", "proving by a fresh login"."""
    started_at: datetime
    ended_at: datetime | None = None
    result: Result | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it is still going."""
        return self.state in (OperationState.PENDING, OperationState.RUNNING)


class PlanStep(Frozen):
    """One line of a plan: a target and what will be done to it."""

    target: str
    text: str


class Plan(Frozen):
    """What an action is going to do, before it does it: shown, then confirmed."""

    kind: str
    """`noun.verb`."""
    title: str
    steps: tuple[PlanStep, ...]
    notes: tuple[str, ...] = ()
    """What goes with it, what stays, which alert clears."""
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """Why a safeguard says no; with any of them the plan cannot be confirmed."""
    confirm_name: str | None = None
    """A name that must be typed; None when a plain yes will do."""
    danger: bool = False
    commands: tuple[str, ...] = ()
    """What does the same without this program (`kubectl …`), one command each; empty where there is none."""

    @property
    def is_allowed(self) -> bool:
        """Whether it may be confirmed at all."""
        return not self.refusals and bool(self.steps)
