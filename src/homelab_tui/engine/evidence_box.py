"""The evidence box: one private file per failed Job in the state directory, bounded in number, size and age."""

import contextlib
import hashlib
import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from homelab_tui.domain.evidence import Evidence, LogTail
from homelab_tui.domain.values import replace
from homelab_tui.engine.ports import Clock

log = logging.getLogger(__name__)
MAX_FILES = 200
MAX_BYTES = 64_000_000
MAX_AGE = timedelta(days=30)
MAX_LOG_CHARS = 256_000
"""Of one log; its end is kept."""
_MAX_LINES = 200
"""Of Pods, and of events; the newest are kept."""
_VERSION = 1


class EvidenceBox:
    """`evidence/` in the state directory: 0700, its files 0600."""

    def __init__(
        self, state_dir: Path, clock: Clock, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES
    ) -> None:
        self.directory = state_dir / "evidence"
        self._clock = clock
        self._max_files = max_files
        self._max_bytes = max_bytes

    def put(self, evidence: Evidence) -> None:
        """Keep it; what it does not know (any more), and an earlier look did, is kept from there. Raises: OSError."""
        earlier = self.find(evidence.job, evidence.uid)
        if earlier is not None:
            evidence = _together(earlier, evidence)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / _file_name(evidence)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encoded(evidence))
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        self._make_room()

    def find(self, job: str, uid: str | None = None) -> Evidence | None:
        """The newest evidence of a Job: `NS/NAME` or `CLUSTER/NS/NAME`; with `uid`, of just that object."""
        parts = job.split("/")
        if len(parts) not in (2, 3):
            return None
        found = [
            evidence
            for path in self._files(_beginning(parts[-2], parts[-1]) + "_")
            if (evidence := _decoded(path)) is not None
            and evidence.job.split("/")[-len(parts) :] == parts
            and (uid is None or evidence.uid == uid)
        ]
        return max(found, key=lambda evidence: evidence.taken_at, default=None)

    def _files(self, beginning: str = "") -> list[Path]:
        try:
            with os.scandir(self.directory) as entries:
                names = [one.name for one in entries if one.name.endswith(".json") and one.name.startswith(beginning)]
        except OSError:
            return []
        return [self.directory / name for name in names if not name.startswith(".")]

    def _make_room(self) -> None:
        """The oldest files go first, until number, size and age are within bounds."""
        entries = []
        for path in self._files():
            with contextlib.suppress(OSError):
                status = path.stat()
                entries.append((status.st_mtime, status.st_size, path))
        entries.sort(reverse=True)
        oldest = (self._clock.now() - MAX_AGE).timestamp()
        total = 0
        for number, (changed_at, size, path) in enumerate(entries):
            total += size
            # The newest one stays, whatever its size.
            if number and (number >= self._max_files or total > self._max_bytes or changed_at < oldest):
                with contextlib.suppress(OSError):
                    path.unlink()


def _together(earlier: Evidence, later: Evidence) -> Evidence:
    """The later look, with what only the earlier one could still see."""
    told = {(one.pod, one.container, one.previous): one for one in earlier.logs}
    for one in later.logs:
        key = (one.pod, one.container, one.previous)
        if key not in told or one.text:
            told[key] = one
    return replace(
        later,
        logs=tuple(told.values()),
        pods=later.pods or earlier.pods,
        events=tuple(dict.fromkeys((*earlier.events, *later.events))),
        exit_code=earlier.exit_code if later.exit_code is None else later.exit_code,
        exit_reason=later.exit_reason or earlier.exit_reason,
        node=later.node or earlier.node,
        reason=later.reason or earlier.reason,
        message=later.message or earlier.message,
        # The content is from when it could still be read.
        taken_at=earlier.taken_at if earlier.logs and not later.logs else later.taken_at,
        occasion=earlier.occasion if earlier.logs and not later.logs else later.occasion,
    )


def _beginning(namespace: str, name: str) -> str:
    # A hostile API server must not choose where a file goes.
    return re.sub(r"[^A-Za-z0-9-]", "-", f"{namespace}+{name}")[:150]


def _file_name(evidence: Evidence) -> str:
    digest = hashlib.sha256(f"{evidence.job}\n{evidence.uid}".encode("utf-8", "backslashreplace")).hexdigest()[:16]
    return f"{_beginning(evidence.namespace, evidence.name)}_{digest}.json"


def _encoded(evidence: Evidence) -> bytes:
    bounded = replace(
        evidence,
        logs=tuple(replace(one, text=one.text[-MAX_LOG_CHARS:]) for one in evidence.logs),
        pods=evidence.pods[-_MAX_LINES:],
        events=evidence.events[-_MAX_LINES:],
    )
    record = {"version": _VERSION, **structs.asdict(bounded), "logs": [structs.asdict(one) for one in bounded.logs]}
    for field in ("taken_at", "failed_at"):
        at = getattr(evidence, field)
        record[field] = None if at is None else at.isoformat()
    return json.dumps(record, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


def _decoded(path: Path) -> Evidence | None:
    """What is in a file; None, and a line in the log, for one that is broken or of another version."""
    try:
        record = json.loads(path.read_bytes())
        if record.pop("version") != _VERSION:
            return None
        logs = tuple(LogTail(**one) for one in record.pop("logs"))
        taken_at, failed_at = _moment(record.pop("taken_at")), record.pop("failed_at")
        record |= {field: tuple(map(str, record[field])) for field in ("pods", "events", "problems")}
        return Evidence(**record, logs=logs, taken_at=taken_at, failed_at=failed_at and _moment(failed_at))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.warning("evidence %s cannot be read: %s", path.name, type(error).__name__)
        return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
