"""Rows of the Keys pane: accounts against my keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from homelab_tui.domain.keys import AccountKeys, CellState, HostKey, KeyCell, PublicKey
from homelab_tui.domain.reading import HealthState, Reading
from homelab_tui.domain.state import LabState
from homelab_tui.present.documents import account_health, authorized_fingerprints
from homelab_tui.present.operations import operation_cell, operation_note
from homelab_tui.present.table import Cell, Column, Row, printable
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
    accounts = tuple(
        _account_row(state, account, reading, host_keys.get(account), mine, now) for account, reading in state.accounts
    )
    return accounts + tuple(_unknown_row(state, key) for key in unknown_keys(state))


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that is none of mine, and where it is."""

    fingerprint: str
    type: str
    comment: str
    found: tuple[tuple[str, KeyCell], ...]
    """Account and the cell there."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """Where it is."""
        return tuple(account for account, _ in self.found)


def unknown_keys(state: LabState) -> tuple[UnknownKey, ...]:
    """Keys found on nodes that are none of mine, in the order they are met."""
    mine = {key.fingerprint for key in state.my_keys}
    found: dict[str, list[tuple[str, KeyCell]]] = {}
    for account, reading in state.accounts:
        for cell in reading.value.cells if reading.value else ():
            if cell.fingerprint not in mine:
                found.setdefault(cell.fingerprint, []).append((account, cell))
    return tuple(
        UnknownKey(mark, where[0][1].type, next((cell.comment for _, cell in where if cell.comment), ""), tuple(where))
        for mark, where in found.items()
    )


def _unknown_row(state: LabState, key: UnknownKey) -> Row:
    """ "Who is this?": its comment is a stranger's claim, its fingerprint is not."""
    where = ", ".join(
        account if cell.state is CellState.PRESENT else f"{account} ({cell.state.value})" for account, cell in key.found
    )
    # Short: a long name in the first column would push the columns of my keys out of a narrow pane.
    claim = printable(key.comment or "no comment", 12)
    cells = (
        Cell(f"? {claim}", "warning", sort=f"\U0010ffff{key.comment}"),
        NOTHING,
        *(NOTHING for _ in state.my_keys),
        NOTHING,
        NOTHING,
        NOTHING,
        Cell(f"who is this? on {where}: {key.fingerprint}", "warning"),
    )
    return Row(key=f"unknown:{key.fingerprint}", cells=cells)


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
        NOTHING if value is None else Cell(str(len(unknown)), "warning" if unknown else "dim", sort=len(unknown)),
        _switch(value.password_login if value else None, on="on", off="off", bad=True),
        _switch(value.sudo if value else None, on="yes", off="no", bad=False),
        operation_note(state.operations, targets, now) or _note(reading, value),
    )
    stale = word.state not in (HealthState.OK, HealthState.STARTING)
    return Row(key=f"account:{account}", cells=cells, dim=stale and busy is None)


def _key_cell(account: AccountKeys | None, fingerprint: str) -> Cell:
    """Never "absent" for an account that was not read."""
    if account is None:
        return Cell("? unread", "dim")
    found = [cell for cell in account.cells if cell.fingerprint == fingerprint]
    if not found:
        return Cell("· absent", "dim")
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
