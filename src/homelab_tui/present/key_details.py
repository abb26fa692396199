"""Detail screens of the Keys pane: one account, one key that nobody knows."""

from datetime import datetime

from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.state import LabState
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.keys import unknown_keys
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
    ]
    if value is None:
        return lines
    mine = {key.fingerprint: key.comment or key.path or "mine" for key in state.my_keys}
    lines += [
        ("account", f"{value.account} ({value.home})"),
        ("server", value.server_version),
        ("password login", {True: "offered", False: "off", None: None}[value.password_login]),
        ("passwordless sudo", {True: "yes", False: "no", None: None}[value.sudo]),
        ("logged in with", value.login_fingerprint),
        ("Keys that are there", HEADING),
    ]
    for cell in value.cells:
        who = (
            f"mine: {mine[cell.fingerprint]}"
            if cell.fingerprint in mine
            else f"UNKNOWN: {cell.comment or 'no comment'}"
        )
        lines.append((f"line {cell.line} {cell.state.value}", f"{cell.type} {cell.fingerprint}  {who}"))
        if cell.options:
            lines.append(("", f"options: {cell.options}"))
    lines += [("problem", problem) for problem in value.problems]
    lines += [("My keys", HEADING), *my_key_lines(state.my_keys, now)]
    return lines


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


def unknown_key_lines(state: LabState, fingerprint: str) -> list[Line]:
    """A key that is none of mine: what it says of itself, and every place it opens. Empty when it is gone."""
    key = next((key for key in unknown_keys(state) if key.fingerprint == fingerprint), None)
    if key is None:
        return []
    lines: list[Line] = [
        ("fingerprint", key.fingerprint),
        ("type", key.type),
        ("comment", f"{key.comment or 'none'} (a claim: anybody can write it)"),
    ]
    for account, cell in key.found:
        lines.append((account, f"{cell.file} line {cell.line}: {cell.state.value}"))
        if cell.options:
            lines.append(("", f"options: {cell.options}"))
    return lines
