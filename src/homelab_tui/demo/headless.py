"""The lab as a process of its own: `homelab demo --headless`, and the child behind `homelab demo`."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.secrets_on_disk import remove_if_dead

READY = "ready"
PARENT_POLL_S = 0.5
_PR_SET_PDEATHSIG = 1


def run_headless(write_config: Path, faults: Sequence[str] = (), parent_pid: int | None = None) -> int:
    """Start the lab, write its config, print READY, serve until SIGTERM, SIGINT or the end of the parent.

    A closed terminal (SIGHUP) ends it too, unless it was started with `nohup`.
    `parent_pid`: whose end ends the lab; None: nobody's. When it was killed, its own scratch directory, in which
    the config lies, is removed too. Returns the exit status: 0, or 2 for a bad fault SPEC or a
    config that cannot be written (said on stderr; nothing was left behind).
    """
    try:
        return asyncio.run(_serve(write_config, faults, parent_pid))
    except ValueError as error:
        print(f"homelab demo: {error}", file=sys.stderr)
    except OSError as error:
        print(f"homelab demo: the lab could not start: {error}", file=sys.stderr)
    return 2


async def _serve(write_config: Path, faults: Sequence[str], parent_pid: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    ending = [signal.SIGTERM, signal.SIGINT]  # SIGINT also where a script's `&` had it ignored: that is how it is told
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ending.append(signal.SIGHUP)
    for number in ending:
        loop.add_signal_handler(number, stop.set)
    if parent_pid is not None:
        _die_with_parent()
    written: list[bytes] = []

    def tell(lab: DemoLab) -> None:
        lab.write_config(write_config)
        written.append(_read(write_config))
        with contextlib.suppress(BrokenPipeError):  # a parent that died meanwhile; the next look sees it
            print(READY, flush=True)

    # Our own dashboard makes ready while the lab writes its past; anybody else is told when there is an answer at once.
    early = tell if parent_pid is not None else _nobody
    try:
        async with DemoLab(faults=faults, bastion=True, opened=early) as lab:
            if early is _nobody and not stop.is_set():
                tell(lab)
            await _until_told(parent_pid, stop)
    finally:
        # it names ports and files that are about to be gone; one that somebody edited is theirs
        for content in written:
            _remove_unchanged(write_config, content)
        if parent_pid is not None:
            # a parent that was killed could not do it; one that lives holds its lock, and does it itself
            remove_if_dead(write_config.parent)
    return 0


async def _until_told(parent_pid: int | None, stop: asyncio.Event) -> None:
    while not stop.is_set() and not _orphaned(parent_pid):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARENT_POLL_S):
                await stop.wait()


def _nobody(_lab: DemoLab) -> None:
    """Who is told early: nobody."""


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _remove_unchanged(path: Path, written: bytes) -> None:
    with contextlib.suppress(OSError):
        if path.read_bytes() == written:
            path.unlink()


def _die_with_parent() -> None:
    """Ask Linux for a SIGTERM at the parent's end; elsewhere the poll sees it."""
    if sys.platform != "linux":
        return
    import ctypes  # only a child needs it

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _orphaned(parent_pid: int | None) -> bool:
    return parent_pid is not None and os.getppid() != parent_pid
