"""Keys in the node's other accounts (root's among them), taken out as root would: each file as its own account.

Root never writes through a path that somebody else can change (CVE-2026-11837): sudo, or runuser, becomes the account
first, and the same script then swaps the file. Blocking: it runs inside a session's thread.
"""

import hashlib
import re
from collections.abc import Collection, Iterator

from homelab_tui.domain.authorized_keys import Line, without_key
from homelab_tui.domain.errors import SourceConflict, SourceError, SourceRefused
from homelab_tui.domain.keys import KeyRemoval, KeyWrite
from homelab_tui.sources.ssh_account import AccountReading, FileReading
from homelab_tui.sources.ssh_account_script import MOST_OTHERS
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_removals import Removals, lines_of_key, lock_out_of, removed_words, shown_line
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import shell_word
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import read_account, swap

_TRIES = 3
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")
_THEIRS = re.compile(r"~([^/]+)/(.+)", re.DOTALL)


class AsAccount:
    """Commands as another account of the node that a session is on. Needs root, by sudo or by the session itself."""

    def __init__(self, session: Session, reading: AccountReading, user: str, home: str) -> None:
        """Raises SourceRefused for a name that no shell takes safely."""
        if not _USER.fullmatch(user):
            raise SourceRefused(f"{session.where}: {printable(user)} is no account name that homelab becomes")
        self._session = session
        try:
            self._become = (
                f"runuser -u {user} -- env HOME={shell_word(home)}" if reading.uid == 0 else f"sudo -n -H -u {user}"
            )
        except ValueError as error:
            raise SourceRefused(f"{session.where}: the home of {user} is not a path that homelab writes to") from error
        self._user = user

    @property
    def where(self) -> str:
        """The node's name and the account."""
        return f"{self._session.where}: account {self._user}"

    def run(self, command: str, stdin: bytes = b"") -> Output:
        """One command, as that account, in its home."""
        return self._session.run(f"{self._become} {command}", stdin)


def theirs(user: str, name: str, home: str) -> str:
    """How a file of another account is called: `~root/.ssh/authorized_keys`."""
    return f"~{user}/{name.removeprefix(home.rstrip('/') + '/')}"


def is_theirs(name: str) -> bool:
    """Whether a file's name is one that `theirs` made."""
    return _THEIRS.fullmatch(name) is not None


def remove_elsewhere(
    session: Session,
    reading: AccountReading,
    mark: str,
    removals: Removals,
    own: KeyRemoval,
    *,
    dry_run: bool,
    may_close: Collection[str] = (),
) -> KeyRemoval:
    """The removal from the session's own account, extended to every other account that was found on the node.

    The last usable line of an account stays, unless its name is in `may_close`.
    """
    lines: list[str] = list(own.lines)
    problems: list[str] = [own.problem] if own.problem else []
    kept: list[str] = []
    closed = _closed(session, reading, mark, may_close)
    for other, file, there in _found(reading, mark):
        name = theirs(other.user, file.name, other.home)
        if other.user in closed:
            kept.append(f"{name} {'would stay' if dry_run else 'stays'} as it is: {closed[other.user]}")
            continue
        lines += [f"{name} line {line.number}: {shown_line(line)}" for line in there]
        if dry_run:
            continue
        try:
            _take_out(session, reading, other, file, mark, removals)
        except SourceError as error:
            problems.append(f"{name} stays as it is: {error}")
    if reading.has_more_others:
        problems.append(f"more than {MOST_OTHERS} other accounts hold keys; the rest of them was not looked at")
    words, writes = tuple(lines), tuple(removals.done)
    verb = "would remove" if dry_run else "removed only in part" if problems or kept else "removed"
    detail = removed_words(words, verb) if lines else "nothing was removed" if kept and not dry_run else own.detail
    detail = "; ".join((detail, *(kept if dry_run or not writes else ()), *_not_seen(reading)))
    problems += kept
    return KeyRemoval(detail, words, () if dry_run else writes, None if dry_run else "; ".join(problems) or None)


def _closed(session: Session, reading: AccountReading, mark: str, may_close: Collection[str]) -> dict[str, str]:
    """Accounts that the removal would leave without a usable line, and how that can be wanted."""
    found: dict[str, str] = {}
    for other in reading.others:
        after = {
            file.name: without_key(file.data or b"", there[0].blob)
            for o, file, there in _found(reading, mark)
            if o.user == other.user
        }
        if other.user in may_close or not after:
            continue
        reason = lock_out_of(session, other, after, login=None)
        if reason is not None:
            found[other.user] = f"{reason} {other.user}; --close {other.user} takes it away all the same"
    return found


def _not_seen(reading: AccountReading) -> Iterator[str]:
    """What could not be looked at: the key may still be there."""
    if not reading.others_seen:
        yield "the node's other accounts were not looked at (that needs sudo without a password)"
    for other in reading.others:
        for file in other.files:
            if file.data is None and file.trouble is not None:
                yield f"{theirs(other.user, file.name, other.home)} was not read: it {file.trouble}"


def restore_elsewhere(session: Session, name: str, left_sha256: str, before: bytes | None) -> KeyWrite:
    """Puts another account's file back as it was before a write of ours. Raises as `restore_file`."""
    match = _THEIRS.fullmatch(name)
    reading = read_account(session)
    found = None if match is None else _file(reading, match[1], name)
    if found is None:
        raise SourceRefused(f"{session.where}: {printable(name)} is not there, or sudo does not show it any more")
    other, file = found
    if file.data == before:
        return KeyWrite(False, f"{name} is as it was already", before, before, name)
    if file.data is None or hashlib.sha256(file.data).hexdigest() != left_sha256:
        raise SourceConflict(f"{session.where}: {name} was changed since by somebody else; nothing was undone")
    if not swap(AsAccount(session, reading, other.user, other.home), file.name, file.data, before):
        raise SourceConflict(f"{session.where}: {name} was changed in the same moment; nothing was undone")
    return KeyWrite(True, f"{name} is as it was before", file.data, before, name)


def _take_out(
    session: Session, reading: AccountReading, other: AccountReading, file: FileReading, mark: str, removals: Removals
) -> None:
    """One file of another account, by compare-and-swap; read again when somebody else writes to it too."""
    if not other.may_write(file.name):
        raise SourceRefused("it is outside the home; take the key out there by hand")
    name = theirs(other.user, file.name, other.home)
    become = AsAccount(session, reading, other.user, other.home)
    for _ in range(_TRIES):
        there = lines_of_key(file, mark)
        if not there or file.data is None:
            return
        after = without_key(file.data, there[0].blob)
        write = KeyWrite(True, f"removed from {name}", file.data, after, name)
        removals.before_write(write)
        removals.pending = write
        try:
            swapped = swap(become, file.name, file.data, after)
        except SourceRefused:
            removals.pending = None
            raise
        if swapped:
            removals.done.append(write)
        removals.pending = None
        if swapped:
            return
        found = _file(read_account(session), other.user, name)
        if found is None:
            return
        file = found[1]
    raise SourceConflict("it changes all the time")


def _found(reading: AccountReading, mark: str) -> Iterator[tuple[AccountReading, FileReading, list[Line]]]:
    for other in reading.others:
        for file in other.files:
            there = lines_of_key(file, mark)
            if there:
                yield other, file, there


def _file(reading: AccountReading, user: str, name: str) -> tuple[AccountReading, FileReading] | None:
    for other in reading.others:
        for file in other.files:
            if other.user == user and theirs(user, file.name, other.home) == name:
                return other, file
    return None
