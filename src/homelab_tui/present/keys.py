"""Rows of the Keys pane: accounts against my keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from homelab_tui.domain.keys import AccountKeys, FoundAccount, HostKey, PublicKey
from homelab_tui.domain.reading import HealthState
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen
from homelab_tui.present.documents import account_health
from homelab_tui.present.kept_rows import KeptRows
from homelab_tui.present.key_documents import authorized_fingerprints
from homelab_tui.present.operations import Acts
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


def rows(state: LabState, now: datetime, kept: KeptRows | None = None) -> tuple[Row, ...]:
    """One row an account, in the configuration's order; under them one row for each key that nobody knows.

    `kept`: what a screen keeps of the rows it made before.
    """
    kept = kept or KeptRows()
    kept.begin(state.my_keys, ())
    host_keys, others, acts = dict(state.host_keys), found_accounts(state), Acts(state.operations, now)
    found: list[Row] = []
    for account, reading in state.accounts:
        key = f"account:{account}"
        is_stale = account_health(reading, now).state not in (HealthState.OK, HealthState.STARTING)
        seen = _Seen(reading.value, reading.problem, is_stale, host_keys.get(account), acts.cell(key), acts.note(key))
        found.append(kept.row(key, seen) or kept.keep(key, seen, _account_row(account, seen, state.my_keys)))
        for other in others.get(account, ()):
            key = f"found:{account}:{other.account}"
            found.append(kept.row(key, other) or kept.keep(key, other, _found_row(key, other, state.my_keys)))
    kept.end()
    return (*found, *(unknown_row(state, key, now) for key in unknown_keys(state)))


def found_accounts(state: LabState) -> Mapping[str, Sequence[FoundAccount]]:
    """Account → the others of its node that hold keys, without those that the configuration names itself."""
    values = {account: reading.value for account, reading in state.accounts if reading.value is not None}
    named = {(value.account, account.rpartition("@")[2]) for account, value in values.items()}
    return {
        account: [other for other in value.others if (other.account, account.rpartition("@")[2]) not in named]
        for account, value in values.items()
    }


def _found_row(key: str, found: FoundAccount, mine: Sequence[PublicKey]) -> Row:
    """Another account of the node above, seen by root: the same keys, nothing that a login of its own would tell."""
    cells = (
        Cell(found.account),
        NOTHING,
        *(_key_cell(found, key.fingerprint) for key in mine),
        _unknown_count(sum(cell.fingerprint not in {key.fingerprint for key in mine} for cell in found.cells)),
        NOTHING,
        NOTHING,
        Cell(found.problems[0], "warning") if found.problems else _BLANK,
    )
    return Row(key=key, cells=cells, level=1)


class _Seen(Frozen):
    """What the row of an account is made of, beside my keys."""

    value: AccountKeys | None
    problem: str | None
    is_stale: bool
    host_key: HostKey | None
    act: Cell | None
    """What is being done to it."""
    outcome: Cell | None
    """How what was done to it ended."""


def _account_row(account: str, seen: _Seen, mine: Sequence[PublicKey]) -> Row:
    value, host_key = seen.value, seen.host_key
    fingerprints = {key.fingerprint for key in mine}
    cells = (
        Cell(account),
        seen.act or (NOTHING if host_key is None else state_cell(HOST_KEYS[host_key.state], host_key.state.value)),
        *(_key_cell(value, key.fingerprint) for key in mine),
        NOTHING
        if value is None
        else _unknown_count(sum(mark not in fingerprints for mark in authorized_fingerprints(value))),
        _switch(value.password_login if value else None, on="on", off="off", bad=True),
        _switch(value.sudo if value else None, on="yes", off="no", bad=False),
        seen.outcome or _note(seen.problem, value),
    )
    return Row(key=f"account:{account}", cells=cells, dim=seen.is_stale and seen.act is None)


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


def _note(problem: str | None, value: AccountKeys | None) -> Cell:
    if problem is not None:
        return Cell(problem, "warning")
    if value is not None and value.problems:
        return Cell(value.problems[0], "warning")
    return _BLANK
