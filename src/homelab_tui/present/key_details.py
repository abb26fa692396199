"""The detail screen of an account in the Keys pane."""

from datetime import datetime

from homelab_tui.domain.keys import AccountKeys, KeyCell, PublicKey
from homelab_tui.domain.state import LabState
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.keys import found_accounts
from homelab_tui.present.times import since


def account_lines(state: LabState, account: str, now: datetime) -> list[Line]:
    """One account: host key, login, and every key that opens it."""
    reading = next((reading for name, reading in state.accounts if name == account), None)
    host_key = next((key for name, key in state.host_keys if name == account), None)
    value = reading.value if reading else None
    lines: list[Line] = [
        ("read", since(reading.taken_at, now) + " ago" if reading and reading.taken_at else "never"),
        ("problem", reading.problem if reading and reading.problem else "none"),
        ("host key", f"{host_key.state.value}: {host_key.key_type} {host_key.fingerprint}" if host_key else None),
        ("known at", host_key.known_at if host_key else None),
        ("the way there", _way(state, account)),
    ]
    if value is None:
        return lines
    mine = {key.fingerprint: key.comment or key.path or "mine" for key in state.my_keys}
    lines += [
        ("account", f"{value.account} ({value.home})"),
        ("server", value.server_version),
        ("methods offered", ", ".join(value.methods) or None),
        ("password login", _password_words(value)),
        ("passwordless sudo", {True: "yes", False: "no", None: None}[value.sudo]),
        ("logged in with", value.login_fingerprint),
        ("Keys that are there", HEADING),
    ]
    lines += _cell_lines(value.cells, mine)
    for other in found_accounts(state).get(account, ()):
        lines += [(f"Keys of {other.account}, on the same node", HEADING), *_cell_lines(other.cells, mine)]
        lines += [("problem", problem) for problem in other.problems]
    lines += [("problem", problem) for problem in value.problems]
    lines += _cure_lines(value, account)
    lines += [("My keys", HEADING), *my_key_lines(state.my_keys, now)]
    return lines


def _cell_lines(cells: tuple[KeyCell, ...], mine: dict[str, str]) -> list[Line]:
    lines: list[Line] = []
    for cell in cells:
        who = mine.get(cell.fingerprint)
        name = f"UNKNOWN: {cell.comment or 'no comment'}" if who is None else f"mine: {who}"
        lines.append((f"line {cell.line} {cell.state.value}", f"{cell.type} {cell.fingerprint}  {name}"))
        if cell.options:
            lines.append(("", f"options: {cell.options}"))
    return lines


def _cure_lines(value: AccountKeys, account: str) -> list[Line]:
    """Where StrictModes is not content: what can be done about it from here."""
    if not value.loose.paths:
        return []
    words = ", ".join(loose.words for loose in value.loose.paths)
    return [("cure", f"M, or homelab keys modes --node {account}, offers chmod go-w: {words}")]


def _way(state: LabState, account: str) -> str | None:
    hops = next((hops for name, hops in state.ways if name == account), None)
    if hops is None:
        return None
    return " → ".join((*hops, account.rpartition("@")[2])) if hops else "direct"


def _password_words(value: AccountKeys) -> str | None:
    offered = {True: "offered", False: "off", None: None}[value.password_login]
    said = {True: "yes", False: "no", None: None}[value.password_by_config]
    if offered is None or said is None:
        return offered
    return f"{offered} (sshd -T says {said})"


def my_key_lines(keys: tuple[PublicKey, ...], now: datetime) -> list[Line]:
    """My keys: what they are, how old, locked or not."""
    return [(key.comment or key.fingerprint, _my_key(key, now)) for key in keys]


def _my_key(key: PublicKey, now: datetime) -> str:
    words = [f"{key.type} {key.bits or '?'} bits {key.fingerprint}"]
    if key.made_at is not None:
        words.append(f"file {since(key.made_at, now)} old")
    if key.has_passphrase is not None:
        words.append("with a passphrase" if key.has_passphrase else "NO passphrase")
    elif not key.in_agent:
        words.append("private half not here")
    if key.in_agent:
        words.append("in the agent")
    return ", ".join(words)
