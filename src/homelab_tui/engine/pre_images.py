"""The bytes of authorized_keys files before each write, kept on this machine: undo is one more compare-and-swap."""

import contextlib
import hashlib
import os
import threading
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from homelab_tui.domain.errors import (
    ActionRefused,
    HomelabError,
    SourceGarbled,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.keys import KeyWrite
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import Frozen

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_MAY_HAVE_ARRIVED = (SourceTimeout, SourceUnreachable, SourceGarbled)
_NONE = ".none"
"""Ends the name of a pre-image of a file that did not exist; its sha256 is `-` where the write took the file away."""


class PreImageRecord(Frozen):
    """One kept pre-image."""

    path: Path
    taken_at: datetime
    file: str
    """Which file on the node, as sshd names it."""
    left_sha256: str
    """Hash of what our write left; only that may be undone."""
    existed: bool

    def read(self) -> bytes | None:
        """The bytes before; None where there was no file. Raises OSError."""
        return self.path.read_bytes() if self.existed else None

    def forget(self) -> None:
        """It is undone: it may not be undone again."""
        with contextlib.suppress(OSError):
            self.path.unlink()


class PreImages:
    """`undo/` in the state directory. Names hold node, account, time, file and hash; contents are the bytes alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def new(self, node: Node, now: datetime) -> "PreImage":
        """The place for what one operation is about to overwrite."""
        return PreImage(self._directory, f"{_account(node)}~{now.astimezone(UTC):{_STAMP}}")

    def newest(self, node: Node) -> tuple[PreImageRecord, ...]:
        """What the last write to this account that was not undone yet has overwritten: one record a file."""
        wanted = _account(node)
        paths = (self._directory / name for name in self._names() if name.startswith(f"{wanted}~"))
        found = [record for path in paths if (record := _record(path, wanted)) is not None]
        last = max((record.taken_at for record in found), default=None)
        return tuple(record for record in found if record.taken_at == last)

    def among(self, nodes: Sequence[Node]) -> list[Node]:
        """Those of the nodes that something is kept of."""
        accounts = {_account_of(name) for name in self._names()}
        return [node for node in nodes if _account(node) in accounts]

    def _names(self) -> Sequence[str]:
        try:
            return sorted(os.listdir(self._directory))
        except OSError:
            return ()


class PreImage:
    """The bytes before one operation, kept before they are overwritten: a program that is killed then has them.

    To enter with `with`: entering raises ActionRefused where there is no place for them, so that nothing is written;
    leaving takes away what was expected and did not come true.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._part = directory / f".{uuid.uuid4().hex}.part"
        self._name = name
        self._has_part = False
        self._expected: dict[str, Path] = {}
        """Files on the node -> what is kept for a write that was sent and has not been told the end of."""
        self._lock = threading.Lock()
        self._is_over = False

    def __enter__(self) -> "PreImage":
        try:
            try:
                self._open()
            except FileNotFoundError:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._open()
        except OSError as error:
            raise self._refusal(error) from error
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self._lock:
            self._is_over = True
        # Where the link broke, or something broke here, the write may have arrived: then it can be undone.
        if error is None or (isinstance(error, HomelabError) and not isinstance(error, _MAY_HAVE_ARRIVED)):
            for path in self._expected.values():
                _unlink(path)
        if self._has_part:
            _unlink(self._part)

    def expect(self, write: KeyWrite) -> None:
        """Keep the bytes before a write that is about to be sent. Raises ActionRefused when that fails: do not send it.

        It does not wait for anything, and may be called from any thread: one that was given up may come late.
        """
        if self._is_over or not self._expects(write):
            raise ActionRefused("nothing was sent: it took too long, and was given up")

    def keep(self, *writes: KeyWrite) -> str | None:
        """Keep the bytes before each write that changed something; a sentence when that failed: the write is done."""
        try:
            for write in writes:
                if write.changed and self._expected.get(write.file) == self._path(write):
                    del self._expected[write.file]
                elif write.changed:
                    self._keep(write)
        except OSError as error:
            return f"what was there before could not be kept for undo ({error.strerror})"
        return None

    def _expects(self, write: KeyWrite) -> bool:
        """Keeps the bytes before a write; False, and nothing kept, where this was left meanwhile."""
        try:
            path = self._keep(write)
        except OSError as error:
            raise self._refusal(error) from error
        with self._lock:
            is_over, earlier = self._is_over, self._expected.get(write.file)
            if not is_over:
                self._expected[write.file] = path
        if is_over:
            _unlink(path)
        elif earlier is not None and earlier != path:
            _unlink(earlier)  # of an attempt that lost the race against somebody else
        return not is_over

    def _keep(self, write: KeyWrite) -> Path:
        if not self._has_part:  # the second file, or the second try, of one operation
            self._open()
        with self._part.open("wb") as file:
            file.write(write.before or b"")
            file.flush()
            os.fsync(file.fileno())
        kept = self._part.rename(self._path(write))
        self._has_part = False
        return kept

    def _path(self, write: KeyWrite) -> Path:
        left = "-" if write.after is None else hashlib.sha256(write.after).hexdigest()
        suffix = "" if write.before is not None else _NONE
        return self._directory / f"{self._name}~{_words(write.file)}~{left}{suffix}"

    def _open(self) -> None:
        os.close(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._has_part = True

    def _refusal(self, error: OSError) -> ActionRefused:
        return ActionRefused(
            f"nothing was sent: what was there before could not be kept in {self._directory} ({error.strerror})"
        )


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _words(*words: str) -> str:
    """Words as one piece of a file name; `~` is what separates them."""
    return "~".join(quote(word, safe="").replace("~", "%7E") for word in words)


def _account(node: Node) -> str:
    """What the names of all that is kept of an account begin with."""
    return _words(node.name, node.user or "")


def _account_of(name: str) -> str | None:
    """The account whose pre-image has this name; None for what is no pre-image."""
    parts = name.split("~")
    return "~".join(parts[:2]) if len(parts) == 5 else None


def _record(path: Path, wanted: str) -> PreImageRecord | None:
    """What a file's name says; None when it is another account's, or no pre-image."""
    existed = not path.name.endswith(_NONE)
    parts = path.name.removesuffix(_NONE).split("~")
    if len(parts) != 5 or "~".join(parts[:2]) != wanted:
        return None
    try:
        taken_at = datetime.strptime(parts[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return PreImageRecord(path, taken_at, unquote(parts[3]), parts[4], existed)


def in_words(records: Iterable[PreImageRecord]) -> str:
    """What would be undone."""
    words = [f"{record.file} as before {record.taken_at:%Y-%m-%d %H:%M:%S} UTC" for record in records]
    return ", ".join(words) or "nothing of ours is kept to undo"
