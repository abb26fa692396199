"""Where nodes were found last, across restarts: a hung Pi ages out of its switch's tables, and is the one to rescue."""

import contextlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homelab_tui.domain.cabling import LastPort
from homelab_tui.domain.poe import PortRef
from homelab_tui.domain.state import NodeView
from homelab_tui.engine.ports import Clock

log = logging.getLogger(__name__)
_LOOK_EVERY = timedelta(seconds=10)
_WRITE_EVERY = timedelta(minutes=10)
"""How old a time on the disk may grow while nothing else changes."""


class PortMemory:
    """The last port of each node, in `ports.json` of the state directory (0600): written whole, or not at all."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._path = state_dir / "ports.json"
        self._clock = clock
        self._known: dict[str, LastPort] | None = None
        self._written: dict[str, LastPort] = {}
        self._problem: str | None = None
        self._seen: tuple[NodeView, ...] | None = None
        self._seen_at: datetime | None = None

    def last(self) -> Mapping[str, LastPort]:
        """Node → where it was found last. A file that cannot be read is no memory, and is said once in the log."""
        if self._known is None:
            self._known = self._read()
            self._written = dict(self._known)
        return self._known

    def learn(self, views: tuple[NodeView, ...], fresh: Iterable[str]) -> None:
        """Keep what was found now. `fresh`: switches whose reading is good; what others said is older than it looks.

        The same tuple of views again is taken in every ten seconds only.
        """
        now = self._clock.now()
        if views is self._seen and self._seen_at is not None and abs(now - self._seen_at) < _LOOK_EVERY:
            return
        self._seen, self._seen_at = views, now
        known, switches = dict(self.last()), set(fresh)
        for view in views:
            note = view.port_note
            if view.port is not None and note and not view.port_is_remembered and view.port.ref.switch in switches:
                known[view.node.name] = LastPort(view.port.ref, note, now)
        self._known = known
        if any(self._is_worth_writing(name, place) for name, place in known.items()):
            self._write(known)

    def _is_worth_writing(self, name: str, place: LastPort) -> bool:
        written = self._written.get(name)
        if written is None or (written.ref, written.how) != (place.ref, place.how):
            return True
        return abs(place.at - written.at) >= _WRITE_EVERY

    def _read(self) -> dict[str, LastPort]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s: where nodes were found last cannot be read: %s", self._path.name, error)
            return {}
        entries = document.items() if isinstance(document, dict) else ()
        return {str(name): place for name, entry in entries if (place := _place(entry)) is not None}

    def _write(self, known: dict[str, LastPort]) -> None:
        entries = {
            name: {
                "switch": place.ref.switch,
                "group": place.ref.group,
                "port": place.ref.port,
                "how": place.how,
                "at": place.at.isoformat(),
            }
            for name, place in sorted(known.items())
        }
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(entries, file, indent=1)
            fresh.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if error.strerror != self._problem:
                self._problem = error.strerror
                log.warning("%s: where nodes were found cannot be kept: %s", self._path.name, error.strerror)
        else:
            self._problem = None
        # Also after an error: a full disk is not asked again with every reading.
        self._written = dict(known)


def _place(entry: object) -> LastPort | None:
    try:
        switch, group, port = entry["switch"], entry["group"], entry["port"]  # type: ignore[index]
        how, at = entry["how"], datetime.fromisoformat(entry["at"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError):
        return None
    if not (isinstance(switch, str) and isinstance(how, str) and type(group) is type(port) is int):
        return None
    return LastPort(PortRef(switch, group, port), how, at.astimezone(UTC))
