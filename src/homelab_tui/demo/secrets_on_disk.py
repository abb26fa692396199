"""The demo's private scratch directory, and what secrets lie in it."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "homelab-demo-"
_LOCK = "lock"
_TRIES = 4
"""How often it is looked whether anything came while the rest was removed."""


class Scratch:
    """A 0700 directory that is gone when the lab is: at `remove`, or swept by the next lab after a `kill -9`."""

    def __init__(self) -> None:
        sweep()
        self._lock = -1
        while self._lock < 0:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            # A lock, not a pid, says that the lab lives: it ends with the process, whatever kills it.
            lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_there(self.path / _LOCK, lock):
                self._lock = lock
            else:  # another lab's sweep had it before us, and took the directory for a dead one's
                os.close(lock)

    def directory(self, *parts: str) -> Path:
        """A 0700 directory in it, made when missing."""
        path = self.path
        for part in parts:  # one by one: mkdir's mode is not for the parents it makes
            path = path / part
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def secret(self, name: str, text: str | bytes) -> Path:
        """A file that only this user reads."""
        return write_private(self.path / name, text)

    def remove(self) -> None:
        """Delete everything. Calling it twice does no harm."""
        if self._lock >= 0:
            _remove(self.path)
            os.close(self._lock)
            self._lock = -1


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_private(path: Path, text: str | bytes) -> Path:
    """Write a file with mode 0600 from its first byte on."""
    raw = text.encode() if isinstance(text, str) else text
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
    return path


def sweep() -> None:
    """Remove scratch directories of labs that were killed: ours, and no process holds their lock."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        remove_if_dead(path)


def remove_if_dead(path: Path) -> None:
    """Remove a scratch directory of ours whose process is gone; leave everything else alone."""
    try:
        if not path.name.startswith(PREFIX) or path.is_symlink() or path.stat().st_uid != os.getuid():
            return
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return  # not a lab's, or one that is just being made or removed
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except BlockingIOError:
        pass  # that lab lives
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Everything, the lock last and only then: what is left, by a kill half-way or because somebody still writes there,
    is a directory that the next one still knows as a lab's."""
    for _ in range(_TRIES):
        left = _beside_lock(path)
        for entry in left:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    entry.unlink()
        if not left:
            (path / _LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.rmdir()
            return


def _beside_lock(path: Path) -> list[Path]:
    try:
        return [entry for entry in path.iterdir() if entry.name != _LOCK]
    except OSError:  # it is gone
        return []
