"""known_hosts files on this machine: read, judged, and appended to the way OpenSSH itself appends."""

import fcntl
import os
import secrets
import stat
import time
from pathlib import Path

from homelab_tui.domain.errors import SourceError, SourceRefused
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.domain.known_hosts import (
    KnownHost,
    KnownHosts,
    judge,
    known_host_line,
    known_types,
    lookup_name,
    parse_known_hosts,
)
from homelab_tui.sources.ssh_routes import Hop

MAX_FILE_BYTES = 32 * 1024 * 1024
SALT_BYTES = 20


class KnownHostsFiles:
    """known_hosts files as they are now, parsed again only when one of them changed. Safe to use from any thread.

    They are looked at for every connection: what an editor or ssh has just written counts at once.
    """

    def __init__(self) -> None:
        self._parsed: dict[Path, tuple[_Stamp, tuple[KnownHost, ...]]] = {}
        self._joined: dict[tuple[Path, ...], tuple[tuple[tuple[KnownHost, ...], ...], KnownHosts]] = {}

    def read(self, files: tuple[Path, ...]) -> KnownHosts:
        """The readable lines of every file, in order. A file that is not there counts as empty.

        Raises SourceRefused naming a file that is there and cannot be read: passing it over could hide a revoked key.
        """
        parts = tuple(self._lines(path) for path in files)
        known = self._joined.get(files)
        if known is None or any(now is not then for now, then in zip(parts, known[0], strict=True)):
            known = (parts, KnownHosts(entry for part in parts for entry in part))
            self._joined[files] = known
        return known[1]

    def _lines(self, path: Path) -> tuple[KnownHost, ...]:
        known = self._parsed.get(path)
        try:
            if known is not None and _stamp(os.stat(path)) == known[0]:  # ctime: also who may read it
                return known[1]
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise SourceRefused(f"{path} cannot be read ({error.strerror}), so no host key can be checked") from error
        try:
            with os.fdopen(handle, "rb") as file:
                stamp = _stamp(os.fstat(handle))
                entries = parse_known_hosts(file.read(MAX_FILE_BYTES) or b"", str(path))
        except OSError as error:
            raise SourceRefused(f"{path} cannot be read ({error.strerror}), so no host key can be checked") from error
        if stamp is not None:
            self._parsed[path] = (stamp, entries)
        return entries


_Stamp = tuple[int, ...]
_SETTLED_NS = 2_000_000_000


def _stamp(status: os.stat_result) -> _Stamp | None:
    """What changes whenever a file is written; None where a second write could leave it the same.

    Time stamps are as coarse as a timer tick, two seconds on FAT: only a file that has been left alone for longer can
    be told by them.
    """
    changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
    if not stat.S_ISREG(status.st_mode) or time.time_ns() - changed_ns < _SETTLED_NS:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def preferred_types(hop: Hop, entries: KnownHosts) -> tuple[str, ...]:
    """The key types to ask this server for first: those that it is known by."""
    return known_types(entries, hop.key_name, hop.key_port)


def judge_host_key(hop: Hop, entries: KnownHosts, key_type: str, blob: bytes) -> HostKey:
    """What a server showed, and what we knew of it."""
    judgement = judge(entries, hop.key_name, hop.key_port, key_type, blob)
    entry = judgement.entry
    return HostKey(
        state=judgement.state,
        key_type=key_type,
        fingerprint=fingerprint(blob),
        host=lookup_name(hop.key_name, hop.key_port),
        known_at=None if entry is None else entry.place,
        known_fingerprint=fingerprint(entry.blob) if entry and judgement.state is HostKeyState.CHANGED else None,
        blob=blob,
    )


def remember_host_key(hop: Hop, key: HostKey) -> Path:
    """Appends one line to the first known_hosts file, creating it 0600 in a 0700 directory. Gives the file.

    Never rewrites: other lines, comments and types that we cannot read stay as they are. The lock is held between
    looking for a final newline and writing, and O_APPEND keeps a foreign append from being overwritten.
    """
    if not hop.known_hosts:
        raise SourceRefused(f"{hop.name}: ssh is told to use no known_hosts file (UserKnownHostsFile none)")
    path = hop.known_hosts[0]
    salt = secrets.token_bytes(SALT_BYTES) if hop.hash_known_hosts else None
    line = known_host_line(hop.key_name, hop.key_port, key.key_type, key.blob, salt=salt)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            glue = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            _write_whole(handle, (b"\n" if glue else b"") + line)
            os.fsync(handle)
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error.strerror}; the host key is not remembered") from error
    return path


def _write_whole(handle: int, data: bytes) -> None:
    """One write, as ssh does it: a torn line would be worse than an error."""
    if os.write(handle, data) != len(data):
        raise OSError(28, "the disk is full")
