"""JSON lines in the state directory: private, appended under a lock, bounded."""

import contextlib
import errno
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

Record = dict[str, object]
log = logging.getLogger(__name__)
Compact = Callable[[list[Record]], list[Record]]
"""Chooses what of a file that has grown too large is kept, in order."""


class RecordFile:
    """An append-only file of JSON objects, one a line, mode 0600 in a 0700 directory; every process may append.

    When it would grow beyond `max_bytes`, it is rotated to `.1`, `.2`, … (`keep` of them), or, with `compact`,
    rewritten with what that function keeps.
    """

    def __init__(
        self, path: Path, *, max_bytes: int = 1_000_000, keep: int = 3, compact: Compact | None = None
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._compact = compact
        self._latest: Future[None] | None = None

    def append_soon(self, record: Mapping[str, object]) -> None:
        """Add one record, in a thread and in the order of the calls. What cannot be written is logged, and lost.

        For what nobody waits for: an append is a dozen calls of the system, and where many threads compute each of
        them costs the event loop a millisecond.
        """
        self._latest = _writer().submit(self._append_or_log, dict(record))

    def flush(self) -> None:
        """Wait until all that was to be added soon is there."""
        if self._latest is not None:
            self._latest.result()

    def _append_or_log(self, record: Record) -> None:
        try:
            self.append(record)
        except OSError as error:
            log.warning("%s cannot be written: %s", self.path, error.strerror)
        except Exception:
            log.exception("%s: internal error", self.path)  # here nobody would hear of it

    def append(
        self,
        record: Mapping[str, object],
        *,
        sync: bool = False,
        check: Callable[[list[Record]], None] | None = None,
    ) -> None:
        """Add one record. With `sync` it is on the disk when this returns. Raises OSError; then nothing was added.

        `check` sees what is there while no other process can add to it; what it raises prevents the record.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = _line(record)
        with self._locked():
            if check is not None:
                check([*self._read()])
            self._make_room(len(line))
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _append_whole(descriptor, line)
                if sync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if sync:
                self._sync_directory()

    def records(self) -> Iterator[Record]:
        """All records, oldest first; a line that was torn by a crash is passed over. Raises OSError."""
        self.flush()
        yield from self._read()

    def _read(self) -> Iterator[Record]:
        for path in (*reversed(self._older()), self.path):
            with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    with contextlib.suppress(ValueError, RecursionError):
                        record = json.loads(line)
                        if isinstance(record, dict):
                            yield record

    def _older(self) -> list[Path]:
        if self._compact is not None:
            return []
        return [self.path.with_name(f"{self.path.name}.{number}") for number in range(1, self._keep + 1)]

    def _make_room(self, extra: int) -> None:
        try:
            if self.path.stat().st_size + extra <= self._max_bytes:
                return
        except FileNotFoundError:
            return
        if self._compact is not None:
            self._rewrite(self._compact([*self._read()]))
            return
        older = self._older()
        for newer, place in zip((self.path, *older[:-1])[::-1], older[::-1], strict=True):
            with contextlib.suppress(FileNotFoundError):
                newer.replace(place)

    def _rewrite(self, records: Iterable[Record]) -> None:
        """Put exactly these records in: all of them or, on a full disk, none and the file stays as it was."""
        fresh = self.path.with_name(f".{self.path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for record in records:
                file.write(_line(record))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def _sync_directory(self) -> None:
        """A new file's name is on the disk only when its directory is. Some file systems cannot: they need not."""
        with contextlib.suppress(OSError):
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


@cache
def _writer() -> ThreadPoolExecutor:
    """The one thread that writes what nobody waits for. A program that ends waits for it."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="homelab-records")


def _line(record: Mapping[str, object]) -> bytes:
    """One line. A lone surrogate (a file name in no encoding) becomes its escape, which JSON can say."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _append_whole(descriptor: int, line: bytes) -> None:
    """The whole line or, on a full disk, none of it; on a line of its own even after one that a crash tore."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        line = b"\n" + line
    if os.write(descriptor, line) != len(line):
        os.ftruncate(descriptor, end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
