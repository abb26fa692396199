"""Running acts on the world: one at a time per target, seen on its row, logged, and finished when they must be."""

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TypeVar

from homelab_tui.domain.errors import ActionRefused, HomelabError
from homelab_tui.domain.operations import Operation, OperationState, Result
from homelab_tui.domain.values import replace
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.ports import Clock, Sleep
from homelab_tui.engine.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)
FINISH_S = 300.0
"""How long what must finish may hold the exit. The journal keeps what was not: the next start offers to finish it."""
_LEFT_S = 2.0
"""How long after that the exit waits for it to stop."""
_AGAIN_S = 1.0
"""When what need not finish, and is still there, is told again to stop."""
_KEPT = 50
"""How many ended operations stay in the state; running ones always do."""
READ_ONLY = "the configuration says [safety] read_only = true"
"""Why every action is refused."""
_CLOSING = "the program is closing: not started"
_STOPPED = "stopped before its end: the program is closing"


class Progress:
    """How a running operation tells its stage."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def stage(self, text: str) -> None:
        """What it is doing right now, in a few words."""
        self._tell(text)


Work = Callable[[Progress], Awaitable[Result]]


class Begun:
    """Whether an act has come so far that it must be finished. It is told in a thread, and asked in the loop's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = False
        self._stopped = False

    def now(self) -> None:
        """From now on it must be finished. Raises ActionRefused where it was stopped already."""
        with self._lock:
            if self._stopped:
                raise ActionRefused(_CLOSING)
            self._begun = True

    def stop(self) -> bool:
        """From now on it may not begin. False where it has."""
        with self._lock:
            self._stopped = not self._begun
            return self._stopped


class Closing:
    """Whether the program is closing, and what it ends thereby. For the event loop's thread."""

    def __init__(self) -> None:
        self._is_set = False
        self._scopes: dict[asyncio.Timeout, Begun | None] = {}

    def is_set(self) -> bool:
        """Whether nothing is begun any more."""
        return self._is_set

    def set(self) -> None:
        """Ends what need not be finished."""
        if self._is_set:
            return
        self._is_set = True
        for scope, begun in self._scopes.items():
            if begun is None or begun.stop():
                scope.reschedule(-1.0)

    @contextlib.contextmanager
    def ends(self, scope: asyncio.Timeout, begun: Begun | None) -> Iterator[None]:
        """Until the block ends, closing ends this scope, unless what it does has begun."""
        self._scopes[scope] = begun
        try:
            yield
        finally:
            del self._scopes[scope]


class Operations:
    """Starts operations and keeps their rows in the state."""

    def __init__(
        self,
        store: Store,
        activity: ActivityLog,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        finish_s: float = FINISH_S,
    ) -> None:
        self._finish_s = finish_s
        self._store = store
        self._activity = activity
        self._clock = clock
        self._sleep = sleep
        self._tasks: dict[str, asyncio.Task[Result]] = {}
        self._must_finish: set[str] = set()
        self._rows: dict[str, Operation] = {}
        """The newest operation of each target, the longest unchanged first."""
        self.closing = Closing()

    async def run(
        self, kind: str, target: str, stage: str, work: Work, *, must_finish: bool = False, name: str | None = None
    ) -> Result:
        """Do `work` on `target` and return how it ended; never raises an expected error.

        `target` is the row's key; `name` is what a person calls it, by default the key without its kind. One operation
        at a time per target, and none once the program is closing: then the Result says so and nothing was done.

        A cancelled caller stops the work, except with `must_finish`: then it goes on, and `close()` waits for it.
        """
        called = name or target.partition(":")[2] or target
        running = self._rows.get(target)
        if running is not None and running.is_busy:
            return Result(called, ok=False, changed=False, detail=f"not started: {running.kind} is still on its way")
        if self.closing.is_set():
            return Result(called, ok=False, changed=False, detail=_CLOSING)
        operation = Operation(
            id=uuid.uuid4().hex,
            kind=kind,
            target=target,
            state=OperationState.RUNNING,
            stage=stage,
            started_at=self._clock.now(),
        )
        self._put(operation)
        task = asyncio.create_task(self._carry_out(operation, called, work), name=f"{kind} {target}")
        self._tasks[operation.id] = task
        if must_finish:
            self._must_finish.add(operation.id)
        task.add_done_callback(lambda task: self._forget(operation, called, task))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not _is_cancelled():
                return Result(called, ok=False, changed=False, detail=_STOPPED)
            if not must_finish:
                task.cancel()
            raise

    @property
    def busy(self) -> int:
        """How many operations are going."""
        return len(self._tasks)

    @property
    def going(self) -> tuple[str, ...]:
        """What must finish and has not, one line each: `poe.cycle sw1/3: switching on, try 3 of 60`."""
        rows = (row for row in self._rows.values() if row.id in self._must_finish)
        return tuple(f"{row.kind} {row.target.partition(':')[2] or row.target}: {row.stage}" for row in rows)

    async def close(self) -> None:
        """Finish what must be finished, stop the rest. Being cancelled here stops nothing that must finish.

        What has not finished after `finish_s` is stopped too, and named in the log: nothing holds the exit for ever.
        """
        self.closing.set()
        time = asyncio.get_running_loop().time
        deadline = time() + self._finish_s
        while self._tasks:
            over_s = time() - deadline
            if over_s > 0:
                names = ", ".join(task.get_name() for task in self._tasks.values())
                log.warning("not finished within %g s, and stopped: %s", self._finish_s, names)
            if over_s > _LEFT_S:
                break
            for operation_id, task in tuple(self._tasks.items()):
                if over_s > 0 or operation_id not in self._must_finish:
                    task.cancel()  # again and again: a library may have swallowed the first one
            # Not gather(): it would hand a cancellation on to its children.
            await asyncio.wait(tuple(self._tasks.values()), timeout=min(_AGAIN_S, self._finish_s))
            await asyncio.sleep(0)  # the callbacks that forget them

    async def rest(self, seconds: float) -> None:
        """A pause in an operation; ends at once when the program begins to close, and is short once it does."""
        if self.closing.is_set():
            await self._sleep(min(seconds, 0.2))
            return
        await self.unless_closing(self._sleep(seconds), missed=None)

    async def unless_closing(self, work: Coroutine[object, object, T], *, missed: T, begun: Begun | None = None) -> T:
        """The result of `work`, or `missed` when the program closes before: then `work` is cancelled.

        For the stages of a must-finish operation that need not finish; with `begun`, those that need not before it.
        """
        if self.closing.is_set():
            work.close()
            return missed
        scope = asyncio.timeout(None)
        try:
            async with scope:
                with self.closing.ends(scope, begun):
                    return await work
        except Exception:
            if scope.expired():
                return missed
            raise

    async def _carry_out(self, operation: Operation, called: str, work: Work) -> Result:
        def tell(text: str) -> None:
            self._put(replace(self._rows[operation.target], stage=text))

        try:
            result = await work(Progress(tell))
        except (HomelabError, ActionRefused) as error:
            result = Result(called, ok=False, changed=False, detail=str(error))
        except Exception:
            log.exception("%s on %s: internal error", operation.kind, operation.target)
            result = Result(called, ok=False, changed=False, detail="internal error, see the log")
        self._end(operation, result)
        return result

    def _end(self, operation: Operation, result: Result) -> None:
        state = OperationState.DONE if result.ok else OperationState.FAILED
        latest = self._rows[operation.target]
        self._put(replace(latest, state=state, ended_at=self._clock.now(), result=result))
        self._activity.record(operation.kind, result)

    def _put(self, operation: Operation) -> None:
        self._rows.pop(operation.target, None)
        self._rows[operation.target] = operation
        if not operation.is_busy:
            ended = [row.target for row in self._rows.values() if not row.is_busy]
            for target in ended[:-_KEPT]:
                del self._rows[target]
        self._store.update(operations=tuple(self._rows.values()))

    def _forget(self, operation: Operation, called: str, task: asyncio.Task[Result]) -> None:
        self._tasks.pop(operation.id, None)
        self._must_finish.discard(operation.id)
        if task.cancelled():
            # Here and not in the task: one that is cancelled before its first step never runs a line of it.
            self._end(operation, Result(called, ok=False, changed=False, detail="stopped before its end"))


def _is_cancelled() -> bool:
    """Whether it is this task that somebody wants to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
