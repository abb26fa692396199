"""Rows of the Keys pane: accounts against my keys."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePath

from homelab_tui.domain.keys import AccountKeys, FoundAccount, HostKey, PublicKey
from homelab_tui.domain.reading import HealthState, Reading
from homelab_tui.domain.state import LabState
from homelab_tui.present.documents import account_health
from homelab_tui.present.key_documents import authorized_fingerprints
from homelab_tui.present.operations import operation_cell, operation_note
from homelab_tui.present.table import Cell, Column, Row, printable
from homelab_tui.present.unknown_keys import unknown_keys, unknown_row
from homelab_tui.present.words import CELLS, HOST_KEYS, NOTHING, state_cell

_BLANK = Cell("", sort="")


def columns(keys: Sequence[PublicKey]) -> tuple[Column, ...]:
    """One column a key of mine, between what is known of the account."""
    mine = tuple(
        Column(f"key:{key.fingerprint}", printable(key_name(key), 24), min_width=6, max_width=24, priority=1 + number)
        for number, key in enumerate(keys)
    )
    after = len(mine)
    return (
        Column("account", "ACCOUNT", min_width=8, max_width=24),
        Column("host_key", "HOST KEY", min_width=9, max_width=30),
        *mine,
        Column("unknown", "UNKNOWN", align="right", priority=after + 1),
        Column("password", "PASSWORD", priority=after + 2),
        Column("sudo", "SUDO", priority=after + 3),
        Column("note", "NOTE", max_width=70, priority=after + 4),
    )


def key_name(key: PublicKey) -> str:
    """What a person calls a key: its file's stem, else its comment, else the end of its fingerprint."""
    if key.path:
        return PurePath(key.path).stem
    return key.comment or key.fingerprint[-10:]


def rows(state: LabState, now: datetime) -> tuple[Row, ...]:
    """One row an account, in the configuration's order; under them one row for each key that nobody knows."""
    host_keys = dict(state.host_keys)
    mine = {key.fingerprint for key in state.my_keys}
    accounts: list[Row] = []
    for account, reading in state.accounts:
        accounts.append(_account_row(state, account, reading, host_keys.get(account), mine, now))
        accounts += (_found_row(state, account, other, mine) for other in found_accounts(state, reading.value, account))
    return (*accounts, *(unknown_row(state, key, now) for key in unknown_keys(state)))


def found_accounts(state: LabState, value: AccountKeys | None, account: str) -> tuple[FoundAccount, ...]:
    """The other accounts of a node that hold keys, without those that the configuration names itself."""
    if value is None or not value.others:
        return ()  # the usual case; what follows looks through every account
    named = {reading.value.account for name, reading in state.accounts if reading.value and is_beside(name, account)}
    return tuple(other for other in value.others if other.account not in named)


def is_beside(name: str, account: str) -> bool:
    """Whether two accounts are on one node."""
    return name.rpartition("@")[2] == account.rpartition("@")[2]


def _found_row(state: LabState, account: str, found: FoundAccount, mine: set[str]) -> Row:
    """Another account of the node above, seen by root: the same keys, nothing that a login of its own would tell."""
    unknown = [cell for cell in found.cells if cell.fingerprint not in mine]
    cells = (
        Cell(found.account),
        NOTHING,
        *(_key_cell(found, key.fingerprint) for key in state.my_keys),
        _unknown_count(len(unknown)),
        NOTHING,
        NOTHING,
        Cell(found.problems[0], "warning") if found.problems else _BLANK,
    )
    return Row(key=f"found:{account}:{found.account}", cells=cells, level=1)


def _account_row(
    state: LabState,
    account: str,
    reading: Reading[AccountKeys],
    host_key: HostKey | None,
    mine: set[str],
    now: datetime,
) -> Row:
    targets = [f"account:{account}"]
    value = reading.value
    word = account_health(reading, now)
    unknown = [fp for fp in authorized_fingerprints(value) if fp not in mine] if value else []
    busy = operation_cell(state.operations, targets, now)
    cells = (
        Cell(account),
        busy or (NOTHING if host_key is None else state_cell(HOST_KEYS[host_key.state], host_key.state.value)),
        *(_key_cell(value, key.fingerprint) for key in state.my_keys),
        NOTHING if value is None else _unknown_count(len(unknown)),
        _switch(value.password_login if value else None, on="on", off="off", bad=True),
        _switch(value.sudo if value else None, on="yes", off="no", bad=False),
        operation_note(state.operations, targets, now) or _note(reading, value),
    )
    stale = word.state not in (HealthState.OK, HealthState.STARTING)
    return Row(key=f"account:{account}", cells=cells, dim=stale and busy is None)


def _unknown_count(count: int) -> Cell:
    return Cell(str(count), "warning" if count else "dim", sort=count)


def _key_cell(account: AccountKeys | FoundAccount | None, fingerprint: str) -> Cell:
    """Never "absent" for an account that was not read, or of which a file could not be."""
    if account is None:
        return Cell("? unread", "dim")
    found = [cell for cell in account.cells if cell.fingerprint == fingerprint]
    if not found:
        return Cell("? unreadable", "warning") if account.unread else Cell("· absent", "dim")
    return state_cell(CELLS[found[0].state], found[0].state.value)


def _switch(value: bool | None, *, on: str, off: str, bad: bool) -> Cell:
    """A yes or no where one of them is worth a second look."""
    if value is None:
        return NOTHING
    return Cell(on if value else off, "warning" if value is bad else "ok")


def _note(reading: Reading[AccountKeys], value: AccountKeys | None) -> Cell:
    if reading.problem is not None:
        return Cell(reading.problem, "warning")
    if value is not None and value.problems:
        return Cell(value.problems[0], "warning")
    return _BLANK
