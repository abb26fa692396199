"""When a key was first seen in an account, remembered over the runs of the program."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.domain.keys import AccountKeys, Sighting
from homelab_tui.engine.ports import Clock
from homelab_tui.engine.records import RecordFile

log = logging.getLogger(__name__)
_MAX_BYTES = 4_000_000
"""A line is 150 bytes and is written once per key and account: this is never reached in a home."""


class Sightings:
    """`sightings.jsonl` in the state directory. Only ever appended to, so that two programs at once lose nothing."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._file = RecordFile(directory / "sightings.jsonl", max_bytes=_MAX_BYTES)
        self._clock = clock
        self._known: dict[tuple[str, str], datetime] | None = None
        self._told: tuple[Sighting, ...] = ()

    def saw(self, account: str, keys: AccountKeys) -> tuple[Sighting, ...]:
        """Remember what was found, on this account and on the node's others. Returns everything that is known.

        A state directory that cannot be read or written is logged; then this run alone remembers.
        """
        known = self._all()
        found = [(account, cell.fingerprint) for cell in keys.cells]
        found += [
            (found_account(account, other.account), cell.fingerprint) for other in keys.others for cell in other.cells
        ]
        now = self._clock.now()
        for place in dict.fromkeys(found):
            if place not in known:
                known[place] = now
                self._write(place, now)
        if len(self._told) < len(known):
            self._told = tuple(Sighting(*place, at) for place, at in known.items())
        return self._told

    def flush(self) -> None:
        """Wait until everything that was seen is written down."""
        self._file.flush()

    def _all(self) -> dict[tuple[str, str], datetime]:
        if self._known is None:
            self._known = {}
            try:
                for record in self._file.records():
                    _remember(self._known, record)
            except OSError as error:
                log.warning("%s cannot be read: %s", self._file.path, error.strerror)
        return self._known

    def _write(self, place: tuple[str, str], at: datetime) -> None:
        account, fingerprint = place
        record = {"at": at.isoformat(timespec="seconds"), "account": account, "fingerprint": fingerprint}
        self._file.append_soon(record)


def found_account(account: str, user: str) -> str:
    """How an account is called that was found on the node of another one: `root@nuc01`."""
    return f"{user}@{account.rpartition('@')[2]}"


def _remember(known: dict[tuple[str, str], datetime], record: dict[str, object]) -> None:
    try:
        place = (str(record["account"]), str(record["fingerprint"]))
        at = datetime.fromisoformat(str(record["at"])).astimezone(UTC)
    except (KeyError, ValueError):
        return
    known[place] = min(at, known.get(place, at))


def earliest(sightings: Iterable[Sighting], fingerprint: str) -> datetime | None:
    """When a key was first seen anywhere; None when it never was."""
    return min((one.first_seen_at for one in sightings if one.fingerprint == fingerprint), default=None)
