"""One run of the engine for one command."""

import contextlib
import logging
import logging.handlers
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

from homelab_tui.cli.loops import on_signals, run_to_end
from homelab_tui.cli.output import tell
from homelab_tui.config.load import load_config
from homelab_tui.config.model import Config
from homelab_tui.config.places import state_dir

if TYPE_CHECKING:
    from homelab_tui.engine.lab import Lab


def configuration(path: str | None) -> Config:
    """The configuration to use, its warnings told. Raises ConfigError with every problem."""
    config = load_config(path)
    for warning in config.warnings:
        tell(f"homelab: warning: {warning}")
    return config


def run_with_lab(path: str | None, command: "Callable[[Lab], Awaitable[int]]") -> int:
    """Load the configuration, build the lab, run the command, close the lab."""
    config = configuration(path)
    start_log()

    async def run() -> int:
        async with opened(config) as lab:
            return await command(lab)

    return run_to_end(run())


@asynccontextmanager
async def opened(config: Config) -> "AsyncIterator[Lab]":
    """A lab that is closed with care."""
    from homelab_tui.wiring import build_lab  # names every source: not before it is needed

    lab = build_lab(config)
    lab.find_unfinished()
    for left in lab.store.state.unfinished:
        tell(f"homelab: unfinished: {left}; the dashboard offers to look after it (R)")
    try:
        yield lab
    finally:
        await finished(lab)


async def finished(lab: "Lab") -> None:
    """Close a lab. What must finish before is named, and so it is at every signal that comes meanwhile."""

    def say() -> None:
        for one in lab.going or ("nothing more: closing the connections",):
            tell(f"homelab: finishing, not to leave it half-way: {one}")

    if lab.going:
        say()
        on_signals(say)
    await lab.close()


def start_log() -> None:
    """Our own words go to `homelab.log` in the state directory; nothing of any library reaches the terminal."""
    for name in ("paramiko", "httpx", "httpcore", "kubernetes", "pysnmp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    ours = logging.getLogger("homelab_tui")
    ours.propagate = False
    if ours.handlers:
        return
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        directory = state_dir()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateLog(
            directory / "homelab.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True
        )
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """A log file that only its owner reads."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)
