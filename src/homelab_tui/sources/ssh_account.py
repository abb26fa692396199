"""What READ_ACCOUNT prints, read strictly: what is not behind a marker, or not complete, was not said."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from homelab_tui.domain.authorized_keys import merge_cells, read_cells
from homelab_tui.domain.dropbear import as_dropbear_reads
from homelab_tui.domain.errors import PasswordExpired, SourceError, SourceGarbled, SourceRefused
from homelab_tui.domain.keys import AccountKeys, FoundAccount, KeyCell
from homelab_tui.domain.loose_modes import NOTHING_LOOSE, LooseModes, find_loose
from homelab_tui.domain.strict_modes import PathMode, strict_modes_faults
from homelab_tui.domain.values import Frozen, field, replace
from homelab_tui.sources.ssh_account_script import DROPBEAR_ROOT_FILE, MOST_OTHERS, is_dropbear
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_limits import PASSWORD_METHODS
from homelab_tui.sources.ssh_routes import printable

_ZONE = re.compile(r"([+-])(\d\d)(\d\d)")
_SEEN = re.compile(r"[0-9]+:[0-9]+( [0-9]+:[0-9]+)*")
_SETTLED_S = 2


class _Said(Frozen):
    """One line behind a marker."""

    word: str
    text: str
    body: list[str] = field(default_factory=list)
    """The lines after it that have no marker: noise, or the file that the word announced."""


class NoCommands(SourceRefused):
    """The account takes the login, but none of our commands: nologin, a restricted shell, SFTP only."""


class FileReading(Frozen):
    """One authorized_keys file that sshd would read for the account."""

    name: str
    """As sshd names it: relative to the home, or absolute."""
    data: bytes | None = None
    """None when there is no file, or it could not be read (then `trouble` says so)."""
    trouble: str | None = None
    """What is wrong with the file itself, as the end of a sentence that starts with its name."""
    chain: tuple[PathMode, ...] = ()


class AccountReading(Frozen):
    """One account as the script saw it."""

    user: str
    uid: int
    home: str
    clock: datetime
    """The node's own, aware UTC."""
    utc_offset: timedelta
    sudo: bool
    files: tuple[FileReading, ...]
    sshd: tuple[tuple[str, str], ...] = ()
    """What `sshd -T -C` says, keyword by keyword; empty where it may not be asked."""
    others: tuple["AccountReading", ...] = ()
    """The node's other accounts that hold keys, as root saw them; empty without sudo."""
    others_seen: bool = False
    """Whether they could be looked for at all."""
    has_more_others: bool = False
    """Whether there were too many of them to look at all."""
    sudo_seen: str | None = None
    """How the files on the node looked that decide about `sudo`; None where that tells nothing."""
    by_sftp: bool = False
    """Read as files over SFTP, because the account runs no commands: no lock, no clock of the node's."""

    def setting(self, keyword: str) -> str | None:
        """One setting of sshd's, lower case; None when unknown."""
        return dict(self.sshd).get(keyword)

    @property
    def target(self) -> FileReading:
        """The file that a new key goes into: the first one inside the home.

        Raises SourceRefused when sshd reads no file there.
        """
        for file in self.files:
            if self.may_write(file.name):
                return file
        where = ", ".join(file.name for file in self.files) or "no file at all"
        raise SourceRefused(f"sshd reads the account's keys from {where}, not from its home: add the key there by hand")

    def may_write(self, name: str) -> bool:
        """Whether a file is the account's own: inside its home, or where OpenWrt's dropbear reads root's keys."""
        inside = not name.startswith("/") or name.startswith(self.home.rstrip("/") + "/")
        return inside or (self.uid == 0 and name == DROPBEAR_ROOT_FILE)


def parse_account(output: Output, where: str, mark: str) -> AccountReading:
    """The account behind the markers. Raises SourceRefused for an account that runs no commands, else SourceGarbled."""
    words = list(_marked(output.stdout, mark))
    if not any(said.word == "DONE" for said in words):
        raise no_answer(output, where)
    begins = [position for position, said in enumerate(words) if said.word == "OTHER"]
    own = words[: begins[0]] if begins else words
    said = {one.word: one.text for one in reversed(own)}
    try:
        seconds, zone = said["CLOCK"].split()
        reading = AccountReading(
            user=said["USER"],
            uid=int(said["UID"]),
            home=said["HOME"],
            clock=datetime.fromtimestamp(int(seconds), UTC),
            utc_offset=_offset(zone),
            sudo=said.get("SUDO") == "yes",
            files=tuple(_files(own)),
            sshd=tuple(_setting(one.text) for one in own if one.word == "CONF"),
            sudo_seen=_sudo_seen(said),
        )
        ends = (*begins[1:], len(words)) if begins else ()
        others = (_other(reading, words[begin:end]) for begin, end in zip(begins, ends, strict=True))
        heard = {one.word for one in words}
        seen, has_more = "LOOKED" in heard, "MORE" in heard
        return replace(reading, others=tuple(others), others_seen=seen, has_more_others=has_more)
    except (KeyError, ValueError, OverflowError, binascii.Error) as error:
        raise SourceGarbled(f"{where}: what the account says about itself cannot be read") from error


def _other(reading: AccountReading, words: list[_Said]) -> AccountReading:
    """Another account of the node: the clock and sshd's settings are the same."""
    uid, user, home = words[0].text.split(" ", 2)
    return replace(reading, user=user, uid=int(uid), home=home, sudo=False, files=tuple(_files(words)))


def account_keys(
    reading: AccountReading,
    *,
    methods: tuple[str, ...],
    server_version: str,
    login_fingerprint: str | None,
) -> AccountKeys:
    """The account in the domain's words."""
    found = keys_found(reading, server_version)
    problems = list(found.problems)
    if reading.setting("authorizedkeyscommand") not in (None, "none"):
        problems.append("sshd also asks a program for keys (AuthorizedKeysCommand); those are not shown")
    if reading.has_more_others:
        problems.append(f"more than {MOST_OTHERS} other accounts hold keys; the rest of them was not read")
    if reading.by_sftp:
        problems.append("it runs no commands (SFTP only): read and written as files, without a lock")
    first = next((file for file in reading.files if file.data is not None), None)
    by_config = _password_by_config(reading)
    offered = bool(PASSWORD_METHODS.intersection(methods)) if methods else None
    if offered and by_config is False:
        problems.append("passwords are off in sshd's files, but it still offers them: reload it")
    return AccountKeys(
        account=reading.user,
        home=reading.home,
        cells=found.cells,
        problems=tuple(problems),
        unread=found.unread,
        file_sha256=None if first is None or first.data is None else hashlib.sha256(first.data).hexdigest(),
        methods=methods,
        password_login=by_config if offered is None else offered,
        password_by_config=by_config,
        sudo=None if reading.by_sftp else reading.sudo,
        server_version=server_version or None,
        login_fingerprint=login_fingerprint,
        others=tuple(keys_found(other, server_version) for other in reading.others),
        loose=loose_modes(reading, server_version),
    )


def keys_found(reading: AccountReading, server_version: str) -> FoundAccount:
    """The keys of one account, from all files that the server reads for it."""
    dropbear = is_dropbear(server_version)
    takes_no_keys = reading.setting("pubkeyauthentication") == "no"
    cells: list[tuple[KeyCell, ...]] = []
    problems: list[str] = ["sshd takes no keys at all (PubkeyAuthentication no)"] if takes_no_keys else []
    for file in reading.files:
        faults = file_faults(reading, file, server_version)
        problems.extend(fault for fault in faults if fault not in problems)
        if file.data is None:
            continue
        ignored = bool(faults) or takes_no_keys
        found, wrong = read_cells(file.data, reading.clock, reading.utc_offset, file=file.name, ignored=ignored)
        if dropbear:
            found, refused = as_dropbear_reads(found, file.data)
            wrong = (*wrong, *refused)
        cells.append(found)
        problems.extend(wrong)
    unread = tuple(file.name for file in reading.files if file.data is None and file.trouble in _UNREAD)
    return FoundAccount(reading.user, reading.home, merge_cells(cells), tuple(problems), unread)


def file_faults(reading: AccountReading, file: FileReading, server_version: str) -> tuple[str, ...]:
    """Why sshd does not read this file, in sentences; empty when it does, or when there is nothing to read."""
    faults = [] if file.trouble is None else [f"{file.name} {file.trouble}"]
    if reading.setting("strictmodes") != "no":
        is_debian = _is_debian(server_version)
        faults += strict_modes_faults(file.chain, uid=reading.uid, user=reading.user, is_debian=is_debian)
    return tuple(faults)


def loose_modes(reading: AccountReading, server_version: str) -> LooseModes:
    """What others may write to, and what of it the account itself can mend."""
    if reading.setting("strictmodes") == "no":
        return NOTHING_LOOSE
    chains = [file.chain for file in reading.files]
    found = find_loose(chains, uid=reading.uid, user=reading.user, is_debian=_is_debian(server_version))
    if reading.by_sftp and found.paths:
        words = ", ".join(loose.words for loose in found.paths)
        return LooseModes(beyond=(*found.beyond, f"it runs no commands (SFTP only), so chmod it by hand: {words}"))
    return found


def _is_debian(server_version: str) -> bool:
    return "Debian" in server_version or "Ubuntu" in server_version or "Raspbian" in server_version


def no_answer(output: Output, where: str) -> SourceError:
    """Why an account that takes the login runs none of our commands."""
    said = (output.stdout + b"\n" + output.stderr).decode("utf-8", "replace")
    lowered = said.lower()
    if "password change required" in lowered or "password has expired" in lowered or "password expired" in lowered:
        return PasswordExpired(f"{where}: its password has expired: the account wants a new one first")
    if "account has expired" in lowered:
        return SourceRefused(f"{where}: the account has expired")
    if "not available" in lowered or "nologin" in lowered:
        return NoCommands(f"{where}: the account takes the login but has no shell (nologin); nothing was changed")
    if output.exit_status is None or "@@" in said:
        return SourceGarbled(f"{where}: the answer was cut short; the link broke, or the node is in trouble")
    words = printable(said)
    hint = f" (it says “{words}”)" if words else ""
    return NoCommands(f"{where}: the account takes the login but runs no commands: is it restricted?{hint}")


def _marked(data: bytes, mark: str) -> Iterator[_Said]:
    """Each marked line, with the unmarked ones up to the next. surrogateescape keeps a path's odd bytes."""
    said: _Said | None = None
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if not line.startswith(f"{mark} "):
            if said is not None:
                said.body.append(line)
            continue
        if said is not None:
            yield said
        word, _, text = line[len(mark) + 1 :].rstrip("\r").partition(" ")
        said = _Said(word, text)
    if said is not None:
        yield said


def _files(words: list[_Said]) -> Iterator[FileReading]:
    """A FILE line opens a file; the lines up to the next one are about it. STAT lines are about all of them."""
    home = next((one.text for one in words if one.word == "REAL"), "")
    modes = dict(_path_mode(one.text) for one in words if one.word == "STAT")
    current: FileReading | None = None
    encoded: _Said | None = None
    for one in words:
        if encoded is not None and one.word not in ("END", "UNREADABLE"):
            raise ValueError("cut short")
        if one.word == "FILE":
            if current is not None:
                yield current
            current = FileReading(one.text)
        elif current is not None and one.word == "AT":
            current = replace(current, chain=tuple(_chain(one.text, home, modes)))
        elif current is not None and one.word == "END" and encoded is not None:
            current = replace(current, data=_decoded(encoded))
        elif current is not None and one.word in TROUBLES:
            current = replace(current, trouble=TROUBLES[one.word])
        encoded = one if one.word in ("B64", "HEX") else None
    if current is not None:
        yield current


def _decoded(said: _Said) -> bytes:
    """What a file holds. Raises ValueError for anything in between that is not it."""
    if said.word == "B64":
        return base64.b64decode("".join(said.body), validate=True)
    return bytes.fromhex(" ".join(said.body))


def _chain(path: str, home: str, modes: Mapping[str, PathMode]) -> Iterator[PathMode]:
    """The path and every directory above it, up to the home."""
    while True:
        if path in modes:
            yield modes[path]
        if path == home or path in ("", "/"):
            return
        path = path.rpartition("/")[0] or "/"


def _sudo_seen(said: Mapping[str, str]) -> str | None:
    """How the files looked that decide about sudo; None where the next change of them could look the same.

    Their times are whole seconds: only what has been left alone for longer is told by them.
    """
    seen = said.get("SEEN", "")
    if _SEEN.fullmatch(seen) is None:
        return None
    latest = max(int(place.partition(":")[2]) for place in seen.split(" "))
    return seen if int(said["CLOCK"].split()[0]) - latest > _SETTLED_S else None


TROUBLES = {
    "DANGLING": "is a link that leads nowhere",
    "NOTREG": "is not a plain file, so sshd ignores it",
    "UNREADABLE": "cannot be read by the account, and so not by sshd either",
    "TOOBIG": "is too large; homelab does not read it",
}
"""What the script says of a file -> the end of a sentence that starts with its name."""
_UNREAD = (TROUBLES["UNREADABLE"], TROUBLES["TOOBIG"])


def _path_mode(text: str) -> tuple[str, PathMode]:
    owner, group, mode, members, path = text.split(" ", 4)
    names = None if members == "-" else tuple(name for name in members.split(",") if name)
    shown = printable(path, 400)
    # A name that is not shown as it is must not be taken for another path's.
    shown = shown if shown == path else f"{shown}…"
    return path, PathMode(shown, int(owner), int(group), int(mode, 8) & 0o7777, names)


def _setting(text: str) -> tuple[str, str]:
    keyword, _, value = text.partition(" ")
    return keyword.lower(), value.strip().lower()


def _offset(zone: str) -> timedelta:
    match = _ZONE.fullmatch(zone)
    if match is None:
        return timedelta()
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -offset if match[1] == "-" else offset


def _password_by_config(reading: AccountReading) -> bool | None:
    """What `sshd -T` says; None where it may not be asked."""
    settings = (reading.setting("passwordauthentication"), reading.setting("kbdinteractiveauthentication"))
    return None if settings == (None, None) else "yes" in settings
