"""An account that runs no commands but speaks SFTP: its keys read and written as files. Blocking.

There is no lock: somebody who writes in the very same moment may be overwritten. So the bytes are compared until just
before the rename, links and files of others are refused, and it is said. SFTP keeps neither ACLs nor labels.
"""

import contextlib
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homelab_tui.domain.errors import SourceConflict, SourceGarbled, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.strict_modes import PathMode
from homelab_tui.sources.ssh_account import TROUBLES, AccountReading, FileReading
from homelab_tui.sources.ssh_routes import printable

if TYPE_CHECKING:
    import paramiko

LINK = "is a link; over SFTP homelab follows none, so it is left alone"
_MAX_BYTES = 1_000_000


class NoSftp(SourceRefused):
    """The server has no SFTP for the account either."""


@contextlib.contextmanager
def opened_sftp(transport: "paramiko.Transport", where: str, timeout_s: float) -> "Iterator[paramiko.SFTPClient]":
    """The account's files, until the block ends. Raises NoSftp where the subsystem does not answer."""
    import paramiko  # heavy: nothing may import it before the first paint

    try:
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        _begin(channel, timeout_s)
        client = paramiko.SFTPClient(channel)
    except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
        if not transport.is_active():
            raise SourceUnreachable(f"{where}: the connection was lost in the middle") from error
        raise NoSftp(f"{where}: it has no SFTP either") from error
    try:
        yield client
    except TimeoutError as error:
        raise SourceTimeout(f"{where}: SFTP did not answer within {timeout_s:g} s") from error
    except (paramiko.SSHException, EOFError) as error:
        raise SourceUnreachable(f"{where}: the connection was lost in the middle") from error
    except paramiko.SFTPError as error:
        raise SourceGarbled(f"{where}: what it says over SFTP cannot be understood") from error
    finally:
        with contextlib.suppress(Exception):  # the link may be gone already
            client.close()


def read_by_sftp(sftp: "paramiko.SFTPClient", user: str, names: tuple[str, ...]) -> AccountReading:
    """The account's files. The clock is this machine's: SFTP tells no time."""
    home = sftp.normalize(".")
    files = tuple(_read_file(sftp, name, home) for name in names)
    owners = [place.owner_uid for file in files for place in reversed(file.chain) if place.owner_uid]
    return AccountReading(
        user=user,
        # Nobody tells it; a home may be root's, where the account is locked into it.
        uid=owners[0] if owners else 0,
        home=home,
        clock=datetime.now(UTC),
        utc_offset=timedelta(),
        sudo=False,
        files=files,
        by_sftp=True,
    )


def swap_by_sftp(sftp: "paramiko.SFTPClient", where: str, name: str, before: bytes | None, after: bytes | None) -> bool:
    """Replaces a file's bytes if they are still the ones that were read. False when they are not.

    Raises a SourceError that says what kept it from being written; then the file is as it was.
    """
    try:
        return _swap(sftp, where, name, before, after)
    except TimeoutError:
        raise
    except OSError as error:
        why = "not permitted" if isinstance(error, PermissionError) else printable(str(error), 80) or "Failure"
        raise SourceRefused(
            f"{where}: {printable(name)} cannot be written over SFTP ({why}: read-only, full, or not the account's); "
            "the file is as it was"
        ) from error


def _swap(sftp: "paramiko.SFTPClient", where: str, name: str, before: bytes | None, after: bytes | None) -> bool:
    directory = name.rpartition("/")[0] or "."
    there = _lstat(sftp, directory)
    if there is None:
        sftp.mkdir(directory, 0o700)
    elif not stat.S_ISDIR(there.st_mode or 0):
        raise SourceRefused(f"{where}: {directory} is a link, or no directory; over SFTP it is left alone")
    known = _lstat(sftp, name)
    if known is not None and not stat.S_ISREG(known.st_mode or 0):
        raise SourceRefused(f"{where}: {name} {LINK}")
    if _bytes(sftp, name, known) != before:
        return False
    if after is None:
        sftp.remove(name)
        return True
    temporary = f"{name}.hl.{secrets.token_hex(4)}"
    try:
        made = _write(sftp, temporary, after, stat.S_IMODE(known.st_mode or 0o600) if known is not None else 0o600)
        if known is not None and known.st_uid != made.st_uid:
            raise SourceRefused(f"{where}: {name} belongs to somebody else, who administers it; nothing was written")
        if _bytes(sftp, temporary, made) != after:
            raise SourceGarbled(f"{where}: not everything arrived; the file is as it was")
        if _bytes(sftp, name, _lstat(sftp, name)) != before:
            return False
        sftp.posix_rename(temporary, name)
    finally:
        with contextlib.suppress(OSError, EOFError):
            sftp.remove(temporary)
    if _bytes(sftp, name, _lstat(sftp, name)) != after:
        raise SourceConflict(f"{where}: somebody else wrote to {name} in the same moment; read it again")
    return True


def _write(sftp: "paramiko.SFTPClient", name: str, data: bytes, mode: int) -> "paramiko.SFTPAttributes":
    with sftp.open(name, "wx") as file:  # O_EXCL: nothing that is there, no link either, is written through
        file.chmod(mode)
        file.write(data)
    return sftp.stat(name)


def _read_file(sftp: "paramiko.SFTPClient", name: str, home: str) -> FileReading:
    known = _lstat(sftp, name)
    chain = tuple(_chain(sftp, name, home))
    if known is None:
        return FileReading(name, chain=chain)
    if stat.S_ISLNK(known.st_mode or 0):
        return FileReading(name, trouble=LINK, chain=chain)
    if not stat.S_ISREG(known.st_mode or 0):
        return FileReading(name, trouble=TROUBLES["NOTREG"], chain=chain)
    if (known.st_size or 0) > _MAX_BYTES:
        return FileReading(name, trouble=TROUBLES["TOOBIG"], chain=chain)
    try:
        return FileReading(name, data=_bytes(sftp, name, known), chain=chain)
    except PermissionError:
        return FileReading(name, trouble=TROUBLES["UNREADABLE"], chain=chain)


def _chain(sftp: "paramiko.SFTPClient", name: str, home: str) -> Iterator[PathMode]:
    """The file, its directory and the home, as StrictModes looks at them."""
    for path, shown in ((name, name), (name.rpartition("/")[0], name.rpartition("/")[0]), (".", home)):
        found = _lstat(sftp, path)
        if found is not None and not stat.S_ISLNK(found.st_mode or 0):
            mode = stat.S_IMODE(found.st_mode or 0)
            yield PathMode(printable(shown, 400), found.st_uid or 0, found.st_gid or 0, mode)


def _bytes(sftp: "paramiko.SFTPClient", name: str, known: "paramiko.SFTPAttributes | None") -> bytes | None:
    if known is None:
        return None
    with sftp.open(name, "rb") as file:
        return file.read(_MAX_BYTES + 1)


def _lstat(sftp: "paramiko.SFTPClient", path: str) -> "paramiko.SFTPAttributes | None":
    try:
        return sftp.lstat(path)
    except FileNotFoundError:
        return None


def _begin(channel: "paramiko.Channel", timeout_s: float) -> None:
    """invoke_subsystem() waits for the server's yes without any time-out: an alarm ends that wait."""
    set_event: Callable[[], None] = channel.event.set
    alarm = threading.Timer(timeout_s, set_event)
    alarm.daemon = True
    alarm.start()
    try:
        channel.invoke_subsystem("sftp")
    finally:
        alarm.cancel()
