"""Under-voltage and throttling as we saw them: `ailments.jsonl`, so that a restart of ours forgets none of them."""

import logging
from datetime import datetime
from pathlib import Path

from homelab_tui.domain.ailments import Ailment, flags_now
from homelab_tui.engine.ports import Clock
from homelab_tui.engine.records import Record, RecordFile

log = logging.getLogger(__name__)
_KEPT_RECORDS = 1_000
_MAX_BYTES = 400_000


class AilmentLog:
    """Latches what a node complains of, for as long as its boot lasts. Read once, then kept in memory."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._file = RecordFile(
            directory / "ailments.jsonl", max_bytes=_MAX_BYTES, compact=lambda records: records[-_KEPT_RECORDS:]
        )
        self._clock = clock
        self._known: dict[tuple[str, str], dict[str, Ailment]] | None = None
        """(node, boot id) → flag → what we saw of it."""
        self._now: dict[tuple[str, str], frozenset[str]] = {}

    def see(self, node: str, boot_id: str | None, throttled: tuple[str, ...] | None) -> None:
        """What the firmware says now. A node without a boot id cannot be held to anything."""
        if boot_id is None or throttled is None:
            return
        self._take_in(node, boot_id, flags_now(throttled))

    def see_one(self, node: str, boot_id: str | None, flag: str, *, is_on: bool) -> None:
        """What a witness says now that knows of one complaint alone; the others stay as they were seen last."""
        if boot_id is None:
            return
        before = self._now.get((node, boot_id), frozenset())
        self._take_in(node, boot_id, before | {flag} if is_on else before - {flag})

    def _take_in(self, node: str, boot_id: str, flags: frozenset[str]) -> None:
        key = (node, boot_id)
        for flag in sorted(flags - self._now.get(key, frozenset())):
            at = self._clock.now()
            self._remember(node, boot_id, flag, at)
            record = {"node": node, "boot": boot_id, "flag": flag, "at": at.isoformat()}
            try:
                self._file.append(record)
            except OSError as error:
                log.warning("what ails %s cannot be written down: %s", node, error.strerror)
        self._now = {known: seen for known, seen in self._now.items() if known[0] != node} | {key: flags}

    def of(self, node: str, boot_id: str | None) -> tuple[Ailment, ...]:
        """What was seen of this boot, by flag."""
        if boot_id is None:
            return ()
        return tuple(self._read().get((node, boot_id), {}).values())

    def _read(self) -> dict[tuple[str, str], dict[str, Ailment]]:
        if self._known is None:
            self._known = {}
            try:
                records = list(self._file.records())
            except OSError as error:
                log.warning("%s cannot be read: %s", self._file.path, error.strerror)
                records = []
            for record in records:
                self._take(record)
        return self._known

    def _take(self, record: Record) -> None:
        try:
            at = datetime.fromisoformat(str(record["at"]))
            if at.tzinfo is not None:
                self._remember(str(record["node"]), str(record["boot"]), str(record["flag"]), at)
        except (KeyError, ValueError):
            return

    def _remember(self, node: str, boot_id: str, flag: str, at: datetime) -> None:
        flags = self._read().setdefault((node, boot_id), {})
        before = flags.get(flag)
        flags[flag] = Ailment(flag, before.first_at if before else at, at, before.times + 1 if before else 1)
