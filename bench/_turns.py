"""The dashboard, with a watch held to every turn of its loop. Run as a script instead of `homelab` by `storm`.

On SIGUSR1 it writes what was measured since the last one to the file that HOMELAB_BENCH_TURNS names, as JSON:
`[[wall seconds, CPU seconds of the loop's thread], …]`, a pair for each turn.
"""

import json
import os
import selectors
import signal
import time
from pathlib import Path
from typing import Any

from homelab_tui.cli import entry, loops

TURNS = "HOMELAB_BENCH_TURNS"


class Watch:
    """Stands between a loop and its selector: what lies between two waits is a turn."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._left: tuple[float, float] | None = None
        self._turns: list[tuple[float, float]] = []
        signal.signal(signal.SIGUSR1, self._write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)

    def select(self, timeout: float | None = None) -> object:
        """A turn has ended; the next one begins when there is something to do."""
        if self._left is not None:
            self._turns.append((time.perf_counter() - self._left[0], time.thread_time() - self._left[1]))
        found = self._selector.select(timeout)
        self._left = time.perf_counter(), time.thread_time()
        return found

    def _write(self, *_: object) -> None:
        path = Path(os.environ[TURNS])
        turns, self._turns = self._turns, []
        part = path.with_suffix(".part")
        part.write_text(json.dumps(turns), encoding="ascii")
        part.replace(path)


class _Loop(loops._Loop):
    def __init__(self) -> None:
        super().__init__(Watch(selectors.DefaultSelector()))  # type: ignore[arg-type]


if __name__ == "__main__":
    loops._Loop = _Loop  # type: ignore[misc, assignment]
    entry()
