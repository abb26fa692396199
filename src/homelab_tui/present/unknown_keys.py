"""Keys found on nodes that are none of mine: "who is this?"."""

from datetime import datetime

from homelab_tui.domain.keys import CellState, KeyCell
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen
from homelab_tui.present.detail_lines import Line
from homelab_tui.present.table import Cell, Row, printable
from homelab_tui.present.times import local, since
from homelab_tui.present.words import NOTHING


class UnknownKey(Frozen):
    """A key that is none of mine, and where it is."""

    fingerprint: str
    type: str
    comment: str
    found: tuple[tuple[str, KeyCell], ...]
    """Account and the cell there; `root@nuc01` for another account of a node."""
    on: tuple[str, ...]
    """The configured accounts whose nodes it is on."""


def unknown_keys(state: LabState) -> tuple[UnknownKey, ...]:
    """Keys found on nodes that are none of mine, in the order they are met."""
    mine = {key.fingerprint for key in state.my_keys}
    found: dict[str, dict[str, KeyCell]] = {}
    on: dict[str, dict[str, None]] = {}
    for account, reading in state.accounts:
        if reading.value is None:
            continue
        places = [(account, cell) for cell in reading.value.cells]
        node = account.rpartition("@")[2]
        places += [(f"{other.account}@{node}", cell) for other in reading.value.others for cell in other.cells]
        for place, cell in places:
            if cell.fingerprint not in mine:
                found.setdefault(cell.fingerprint, {}).setdefault(place, cell)
                on.setdefault(cell.fingerprint, {})[account] = None
    return tuple(
        UnknownKey(mark, *_claims(tuple(places.values())), tuple(places.items()), tuple(on[mark]))
        for mark, places in found.items()
    )


def _claims(cells: tuple[KeyCell, ...]) -> tuple[str, str]:
    return cells[0].type, next((cell.comment for cell in cells if cell.comment), "")


def first_seen(state: LabState, fingerprint: str) -> datetime | None:
    """When homelab first saw a key anywhere; None when it never did."""
    return min((one.first_seen_at for one in state.sightings if one.fingerprint == fingerprint), default=None)


def last_used(state: LabState, fingerprint: str) -> datetime | None:
    """The last login with a key that a node's log tells of; None when none does."""
    logins = (reading.value.last for _, reading in state.logins if reading.value)
    return max((at for last in logins for mark, at in last if mark == fingerprint), default=None)


def unknown_row(state: LabState, key: UnknownKey, now: datetime) -> Row:
    """ "Who is this?": its comment is a stranger's claim, its fingerprint is not."""
    where = ", ".join(
        account if cell.state is CellState.PRESENT else f"{account} ({cell.state.value})" for account, cell in key.found
    )
    words = [f"who is this? on {where}"]
    seen, used = first_seen(state, key.fingerprint), last_used(state, key.fingerprint)
    if seen is not None:
        words.append(f"first seen {since(seen, now)} ago")
    if used is not None:
        words.append(f"LAST USED {since(used, now)} ago")
    elif (begin := _log_begins(state, key)) is not None:
        words.append(f"not used in {since(begin, now)}")
    # Short: a long name in the first column would push the columns of my keys out of a narrow pane.
    claim = printable(key.comment or "no comment", 12)
    cells = (
        Cell(f"? {claim}", "warning", sort=f"\U0010ffff{key.comment}"),
        NOTHING,
        *(NOTHING for _ in state.my_keys),
        NOTHING,
        NOTHING,
        NOTHING,
        Cell(f"{', '.join(words)}: {key.fingerprint}", "warning"),
    )
    return Row(key=f"unknown:{key.fingerprint}", cells=cells)


def _log_begins(state: LabState, key: UnknownKey) -> datetime | None:
    """Since when every node that it is on would know of a login; None when one of them does not say."""
    begins: list[datetime] = []
    for account in key.on:
        reading = next((reading for name, reading in state.logins if name == account), None)
        if reading is None or reading.value is None or reading.problem or reading.value.since is None:
            return None
        begins.append(reading.value.since)
    return max(begins, default=None)


def unknown_key_lines(state: LabState, fingerprint: str, now: datetime) -> list[Line]:
    """A key that is none of mine: what it says of itself, and every place it opens. Empty when it is gone."""
    key = next((key for key in unknown_keys(state) if key.fingerprint == fingerprint), None)
    if key is None:
        return []
    seen = first_seen(state, fingerprint)
    lines: list[Line] = [
        ("fingerprint", key.fingerprint),
        ("type", key.type),
        ("comment", f"{key.comment or 'none'} (a claim: anybody can write it)"),
        ("first seen", f"{since(seen, now)} ago, by this program ({local(seen)})" if seen else None),
    ]
    lines += [(f"last used, {account}", _last_used_words(state, account, fingerprint, now)) for account in key.on]
    at = {one.account: one.first_seen_at for one in state.sightings if one.fingerprint == fingerprint}
    for account, cell in key.found:
        words = f"{cell.file} line {cell.line}: {cell.state.value}"
        lines.append((account, f"{words}, first seen {local(at[account])}" if account in at else words))
        if cell.options:
            lines.append(("", f"options: {cell.options}"))
    return lines


def _last_used_words(state: LabState, account: str, fingerprint: str, now: datetime) -> str:
    reading = next((reading for name, reading in state.logins if name == account), None)
    at = dict(reading.value.last).get(fingerprint) if reading and reading.value else None
    if at is not None:
        return f"{since(at, now)} ago ({local(at)}), by the node's log"
    if reading is not None and reading.problem:
        return f"not known: {reading.problem}"
    if reading is None or reading.value is None:
        return "not asked (the log of logins is read as root)"
    back = f"goes back to {local(reading.value.since)}" if reading.value.since else "does not say how far it goes back"
    return f"no login in the node's log, which {back}"
