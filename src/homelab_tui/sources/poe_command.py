"""A PoE switch behind programs of the user's: for switches whose PoE is reached over HTTP pages or a shell only."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.poe import PortRef, SwitchReading
from homelab_tui.sources import poe_listing
from homelab_tui.sources.threads import in_daemon_thread

_MAX_BYTES = 1_048_576
_MAX_WORDS = 200


class CommandSwitch:
    """One switch as `list`, `on`, `off` (and `cycle`) see it: argv templates, no shell. Satisfies SwitchesPoe.

    Every method raises: SourceTimeout for a command that does not end, SourceRefused for one that cannot be run or is
    not configured, SourceError for one that fails, SourceGarbled for a list that cannot be read.
    """

    def __init__(self, config: SwitchConfig) -> None:
        self._config = config
        self._lock = asyncio.Lock()
        """One command at a time: the web pages behind such programs often allow one session."""

    @property
    def name(self) -> str:
        """The switch's name in the configuration."""
        return self._config.name

    @property
    def kind(self) -> str:
        """command"""
        return "command"

    @property
    def cycles_by_itself(self) -> bool:
        """Whether there is a `cycle` command."""
        return bool(self._config.cycle)

    async def read(self) -> SwitchReading:
        """What `list` prints."""
        output = await self._run("list", self._config.list)
        try:
            return poe_listing.reading(self.name, output)
        except SourceGarbled as error:
            raise SourceGarbled(f"{self.name}: {error}") from error

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Runs `on` or `off` for a port that `list` prints."""
        key = "on" if on else "off"
        await self._act(key, self._config.on if on else self._config.off, ref)

    async def power_cycle(self, ref: PortRef) -> None:
        """Runs `cycle` for a port that `list` prints."""
        await self._act("cycle", self._config.cycle, ref)

    async def close(self) -> None:
        """Nothing is held open; a running command ends by itself or by its time limit."""

    async def _act(self, key: str, template: Sequence[str], ref: PortRef) -> None:
        if not template:
            raise SourceRefused(f"{ref}: no `{key}` command is configured for {self.name}: nothing was done")
        if (await self.read()).port(ref) is None:
            raise SourceMissing(f"{ref}: the list command of {self.name} prints no such port")
        argv = [_filled(text, ref) for text in template]
        await self._run(key, argv)

    async def _run(self, key: str, argv: Sequence[str]) -> str:
        async with self._lock:
            output = await in_daemon_thread(lambda: self._finished(key, argv), name=f"poe-{key}")
        try:
            return output.decode()
        except UnicodeDecodeError as error:
            raise SourceGarbled(f"{self.name}: `{key}` printed no text (UTF-8)") from error

    def _finished(self, key: str, argv: Sequence[str]) -> bytes:
        """The output of a command that ended well. Blocks up to the time limit."""
        what = f"{self.name}: `{key}` ({argv[0]})"
        try:
            # Without a terminal on any of its ends it can neither ask on our screen nor eat our keys; in a session of
            # its own it can be ended with everything it started.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "its arguments hold a NUL"
            raise SourceRefused(f"{what} cannot be run: {why}") from error
        try:
            output, complaint = process.communicate(timeout=self._config.timeout_s)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise SourceTimeout(f"{what} did not end within {self._config.timeout_s:g} s and was ended") from error
        if process.returncode != 0:
            how = f"exit status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
            raise SourceError(f"{what} failed ({how}){_last_words(complaint)}")
        if len(output) > _MAX_BYTES:
            raise SourceGarbled(f"{what} printed more than {_MAX_BYTES >> 20} MB")
        return output


def _filled(text: str, ref: PortRef) -> str:
    return text.replace("{group}", str(ref.group)).replace("{port}", str(ref.port))


def _last_words(complaint: bytes) -> str:
    lines = [line.strip() for line in complaint.decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1][:_MAX_WORDS]}" if lines else ""
