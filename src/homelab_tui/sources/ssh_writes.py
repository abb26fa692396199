"""Writing one line into an authorized_keys file: read, decide, swap only what was read, begin again when it moved.

Blocking: it runs inside a session's thread.
"""

import hashlib
import random

from homelab_tui.domain.authorized_keys import DEFAULT_FILE, Line, LineKind, lines_about, with_key
from homelab_tui.domain.dropbear import MAX_LINE_BYTES
from homelab_tui.domain.errors import SourceConflict, SourceError, SourceGarbled, SourceRefused
from homelab_tui.domain.keys import BeforeWrite, KeyWrite, PublicKey
from homelab_tui.domain.public_keys import key_line
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.sources.ssh_account import (
    AccountReading,
    FileReading,
    NoCommands,
    file_faults,
    no_answer,
    parse_account,
)
from homelab_tui.sources.ssh_account_script import is_dropbear, read_account_script
from homelab_tui.sources.ssh_commands import Output, RunsCommands
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import SWAP_REFUSALS, new_mark, swap_command
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.ssh_sftp import NoSftp, read_by_sftp, swap_by_sftp

MAX_WRITE_TRIES = 12
"""How often a write starts anew because somebody else wrote in between: enough for as many pushers at once."""


class Standing(Frozen):
    """How a key stands in an account before anything is written."""

    detail: str
    """Why nothing needs to be, or may be, written."""
    file: FileReading


def read_account(session: Session) -> AccountReading:
    """The account, by one command; over SFTP where it runs none. Raises NoCommands where it has neither."""
    mark, dropbear = new_mark(), is_dropbear(session.server_version)
    output = session.run("sh -s", read_account_script(mark, dropbear=dropbear, known=session.memory.known_sudo()))
    try:
        reading = parse_account(output, session.where, mark)
    except NoCommands as refusal:
        names = (DEFAULT_FILE,) if dropbear else (DEFAULT_FILE, f"{DEFAULT_FILE}2")
        try:
            with session.sftp() as files:
                return read_by_sftp(files, session.user, names)
        except NoSftp:
            raise refusal from None
    session.memory.learn(reading)
    return reading


class Attempts:
    """What was sent to be written, for the case that the link breaks before the answer comes."""

    def __init__(self, before_write: BeforeWrite) -> None:
        self.before_write = before_write
        self.last: KeyWrite | None = None

    def judge(self, again: KeyWrite) -> KeyWrite:
        """What really happened, by a second look: a line that was not there before, and is now, is ours."""
        if again.changed or self.last is None or again.after == self.last.before:
            return again
        detail = f"{self.last.detail}; the link broke before the answer came, so it was read again"
        return replace(again, changed=True, detail=detail, before=self.last.before)


def as_written(reading: AccountReading, write: KeyWrite) -> AccountReading:
    """The account after a write: every other byte of it was compared when it was written."""
    files = (replace(file, data=write.after) if file.name == write.file else file for file in reading.files)
    return replace(reading, files=tuple(files)) if write.changed else reading


def add_line(session: Session, key: PublicKey, attempts: Attempts) -> tuple[KeyWrite, AccountReading]:
    """Appends a key's line unless the key is there already, and gives the account as it was before.

    Raises: SourceRefused with the reason when the file may not be touched; SourceConflict when it would not stand
    still.
    """
    for attempt in range(MAX_WRITE_TRIES):
        # What the plan was made of a moment ago is good enough to write from: only those very bytes are replaced.
        reading = (_writable(session.recent, key) if attempt == 0 else None) or read_account(session)
        standing = standing_of(reading, key)
        if standing is not None:
            data = standing.file.data
            return KeyWrite(False, standing.detail, data, data or b"", standing.file.name), reading
        file = reading.target
        if file.trouble is not None:
            raise SourceRefused(f"{session.where}: {file.name} {file.trouble}; nothing was written")
        line = key_line(key)
        if is_dropbear(session.server_version) and len(line) >= MAX_LINE_BYTES:
            raise SourceRefused(f"{session.where}: dropbear reads no line of {len(line)} bytes; nothing was written")
        after = with_key(file.data, line)
        write = KeyWrite(True, _added(reading, file, after, session.server_version), file.data, after, file.name)
        attempts.before_write(write)
        attempts.last = write
        if replace_file(session, reading, file.name, file.data, after):
            return write, reading
        attempts.last = None
        session.wait(random.uniform(0.01, 0.05) * (attempt + 1))  # noqa: S311 - jitter, not a secret
    raise SourceConflict(f"{session.where}: authorized_keys changes all the time; nothing was written")


def _writable(recent: AccountReading | None, key: PublicKey) -> AccountReading | None:
    """A reading of a moment ago, if it leads to a write; whatever else it says has to be read again."""
    if recent is None or recent.by_sftp or standing_of(recent, key) is not None:
        return None
    is_clear = any(recent.may_write(file.name) for file in recent.files) and recent.target.trouble is None
    return recent if is_clear else None


def standing_of(reading: AccountReading, key: PublicKey) -> Standing | None:
    """Where the key is in the account already; None when it may be appended.

    A line with options counts: a second, plain line would lift what it restricts.
    """
    found = [
        (file, line)
        for file in reading.files
        for line in lines_about(file.data or b"", key.blob, reading.utc_offset)
        if not line.options.is_ca
    ]
    for file, line in found:
        if line.is_plain():
            return Standing(f"already there ({file.name} line {line.number})", file)
    for file, line in found:
        return Standing(_conditional(reading, file, line), file)
    return None


def replace_file(
    session: Session, reading: AccountReading, file: str, before: bytes | None, after: bytes | None
) -> bool:
    """`swap`, in the way that the account was read."""
    if not reading.by_sftp:
        return swap(session, file, before, after)
    with session.sftp() as files:
        return swap_by_sftp(files, session.where, file, before, after)


def swap(session: RunsCommands, file: str, before: bytes | None, after: bytes | None) -> bool:
    """Replaces a file's bytes if they are still the ones that were read. False when they are not.

    Without `after` the file is taken away.

    Raises a SourceError that says what kept it from being written, and how the file is now.
    """
    mark = new_mark()
    new = None if after is None else hashlib.sha256(after).hexdigest()
    old = None if before is None else hashlib.sha256(before).hexdigest()
    try:
        command = swap_command(old, new, len(after or b""), file, mark)
    except ValueError as error:
        raise SourceRefused(f"{session.where}: {printable(file)} is not a path that homelab writes to") from error
    output = session.run(command, after or b"")
    word, text = _last_mark(output, mark)
    if word == "OK":
        return True
    if word == "STALE":
        return False
    raise _refusal(session, output, word, text)


def _refusal(session: RunsCommands, output: Output, word: str, text: str) -> SourceError:
    reason = SWAP_REFUSALS.get(word)
    if reason is None:
        return no_answer(output, session.where)
    lines = [line for line in output.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    hint = printable(text) or (printable(lines[-1], 120) if lines else "")
    message = f"{session.where}: {reason}" + (f" ({hint})" if hint else "")
    if word == "VERIFY":
        return SourceConflict(message)
    return SourceGarbled(message) if word == "SHORT" else SourceRefused(message)


def _last_mark(output: Output, mark: str) -> tuple[str, str]:
    """The last marker counts: rc files and messages of the day come before it."""
    marked = [
        line[len(mark) + 1 :]
        for line in output.stdout.decode("utf-8", "replace").splitlines()
        if line.startswith(f"{mark} ")
    ]
    word, _, text = marked[-1].partition(" ") if marked else ("", "", "")
    return word, text


def _conditional(reading: AccountReading, file: FileReading, line: Line) -> str:
    place = f"{file.name} line {line.number}"
    options = printable(line.options_text or "", 80)
    if line.kind is LineKind.BROKEN:
        return f"not added: it is there with options that sshd cannot read ({place}: {options}); mend that line"
    if line.is_expired(reading.clock):
        return f"not added: it is there, but expired ({place}: {options}); take that line out first"
    return f"not added: it is there with options ({place}: {options}), which a second, plain line would lift"


def _added(reading: AccountReading, file: FileReading, after: bytes, server_version: str) -> str:
    line = after.count(b"\n")
    how = " over SFTP, without a lock" if reading.by_sftp else ""
    text = f"added to {file.name} (line {line}){how}"
    faults = file_faults(reading, file, server_version)
    return f"{text}, but {faults[0]}" if faults else text
