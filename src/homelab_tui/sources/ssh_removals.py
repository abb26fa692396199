"""Taking lines out of authorized_keys, and putting a file back as it was: guarded, by compare-and-swap.

Blocking: it runs inside a session's thread.
"""

import hashlib
import random

from homelab_tui.domain.authorized_keys import Line, parse_authorized_keys, without_key
from homelab_tui.domain.errors import SourceConflict, SourceError, SourceRefused
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.key_guards import lock_out
from homelab_tui.domain.keys import BeforeWrite, KeyRemoval, KeyWrite
from homelab_tui.sources.ssh_account import AccountReading, FileReading, file_faults
from homelab_tui.sources.ssh_limits import PASSWORD_METHODS
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_writes import MAX_WRITE_TRIES, read_account, replace_file


class Removals:
    """The files written so far, for the case that the link breaks before an answer comes."""

    def __init__(self, before_write: BeforeWrite) -> None:
        self.before_write = before_write
        self.done: list[KeyWrite] = []
        self.pending: KeyWrite | None = None

    def settle(self, reading: AccountReading) -> None:
        """Decide, by a second look, whether the write that got no answer arrived."""
        pending, self.pending = self.pending, None
        if pending is None:
            return
        known = {file.name: file.data for file in reading.files}
        for other in reading.others:
            known |= {f"~{other.user}/{file.name}": file.data for file in other.files}
        if known.get(pending.file) == pending.after:
            self.done.append(pending)


def remove_key(
    session: Session, mark: str, removals: Removals, *, dry_run: bool = False
) -> tuple[KeyRemoval, AccountReading]:
    """Takes the lines about the key with this fingerprint out of every file that sshd reads for the account.

    Raises: SourceRefused, with nothing written, for the key that this session came in with, for the last usable line
    of the account, and for a line in a file outside the home.
    """
    lines: tuple[str, ...] = ()
    for attempt in range(MAX_WRITE_TRIES):
        reading = read_account(session)
        removals.settle(reading)
        found = [(file, lines_of_key(file, mark)) for file in reading.files]
        found = [(file, there) for file, there in found if there]
        lines = lines or tuple(
            f"{file.name} line {line.number}: {shown_line(line)}" for file, there in found for line in there
        )
        if not found:
            return _ended(removals, lines), reading
        after = {file.name: without_key(file.data or b"", there[0].blob) for file, there in found}
        _demand_safe(session, reading, mark, after)
        if dry_run:
            return KeyRemoval(removed_words(lines, "would remove"), lines), reading
        for file, _ in found:
            try:
                if not _swap(session, reading, file, after[file.name], removals):
                    break
            except SourceError as error:
                if removals.pending is not None or not removals.done:
                    raise
                done = tuple(removals.done)
                return KeyRemoval(removed_words(lines, "removed only in part"), lines, done, str(error)), reading
        else:
            return _ended(removals, lines), reading
        session.wait(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311 - jitter, not a secret
    raise SourceConflict(f"{session.where}: authorized_keys changes all the time; nothing more was removed")


def restore_file(
    session: Session, name: str, left_sha256: str, before: bytes | None
) -> tuple[KeyWrite, AccountReading]:
    """Puts a file back as it was before a write of ours, if it is still exactly what that write left.

    Raises: SourceConflict when somebody wrote to it since; SourceRefused when it would lock the account.
    """
    reading = read_account(session)
    file = next((file for file in reading.files if file.name == name), None)
    if file is None:
        raise SourceRefused(f"{session.where}: sshd does not read {printable(name)} any more; nothing was undone")
    if file.data == before and file.trouble is None:
        return KeyWrite(False, f"{name} is as it was already", before, before, name), reading
    if file.data is None or hashlib.sha256(file.data).hexdigest() != left_sha256:
        raise SourceConflict(f"{session.where}: {name} was changed since by somebody else; nothing was undone")
    reason = _lock_out(session, reading, {name: before or b""})
    if reason is not None and not PASSWORD_METHODS.intersection(session.login.methods):
        raise SourceRefused(f"{session.where}: not undone: what goes is all that opens the account ({reason})")
    if not replace_file(session, reading, name, file.data, before):
        raise SourceConflict(f"{session.where}: {name} was changed in the same moment; nothing was undone")
    detail = f"{name} is gone, as it was before" if before is None else f"{name} is as it was before"
    return KeyWrite(True, detail, file.data, before, name), reading


def _swap(session: Session, reading: AccountReading, file: FileReading, after: bytes, removals: Removals) -> bool:
    write = KeyWrite(True, f"removed from {file.name}", file.data, after, file.name)
    removals.before_write(write)
    removals.pending = write
    try:
        swapped = replace_file(session, reading, file.name, file.data, after)
    except SourceRefused:
        removals.pending = None
        raise
    if swapped:
        removals.done.append(write)
    removals.pending = None
    return swapped


def _demand_safe(session: Session, reading: AccountReading, mark: str, after: dict[str, bytes]) -> None:
    outside = [name for name in after if not reading.may_write(name)]
    if outside:
        raise SourceRefused(f"{session.where}: the key is in {outside[0]}, outside the home; take it out there by hand")
    if session.login.fingerprint == mark:
        raise SourceRefused(
            f"{session.where}: refused: it is the key that this session logged in with; rotate it, or come with another"
        )
    reason = _lock_out(session, reading, after)
    if reason is not None:
        raise SourceRefused(f"{session.where}: refused: {reason}; nothing was removed")


def _lock_out(session: Session, reading: AccountReading, after: dict[str, bytes]) -> str | None:
    return lock_out_of(session, reading, after, login=session.login.fingerprint)


def lock_out_of(session: Session, reading: AccountReading, after: dict[str, bytes], *, login: str | None) -> str | None:
    """Why an account of the node would be closed, judged by the files that sshd really reads; None when it is not.

    `login` is the key that opened it just now, where it is the session's own.
    """
    read = [file for file in reading.files if file.data and not file_faults(reading, file, session.server_version)]
    return lock_out(
        [file.data or b"" for file in read],
        [after.get(file.name, file.data or b"") for file in read],
        reading.clock,
        reading.utc_offset,
        login=login,
    )


def lines_of_key(file: FileReading, mark: str) -> list[Line]:
    """The lines of a file about a key, whatever their options; not those that make it an authority."""
    lines = parse_authorized_keys(file.data or b"")
    return [line for line in lines if line.blob and not line.options.is_ca and fingerprint(line.blob) == mark]


def shown_line(line: Line) -> str:
    """A line as a person recognises it."""
    options = f"{line.options_text} " if line.options_text else ""
    return printable(f"{options}{line.key_type} … {line.comment}", 120)


def removed_words(lines: tuple[str, ...], verb: str) -> str:
    """What happened to which lines."""
    return f"{verb}: {'; '.join(lines)}"


def _ended(removals: Removals, lines: tuple[str, ...]) -> KeyRemoval:
    if not removals.done:
        return KeyRemoval("not there")
    files = ", ".join(write.file for write in removals.done)
    return KeyRemoval(
        removed_words(lines, "removed") if lines else f"removed from {files}", lines, tuple(removals.done)
    )
