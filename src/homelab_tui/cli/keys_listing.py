"""`homelab keys` as tables: my keys, the accounts, and the keys that nobody knows."""

from datetime import datetime

from homelab_tui.cli.output import print_table
from homelab_tui.domain.keys import AccountKeys, FoundAccount, PublicKey
from homelab_tui.domain.state import LabState
from homelab_tui.present.keys import found_accounts
from homelab_tui.present.times import since
from homelab_tui.present.unknown_keys import first_seen, last_used, unknown_keys

_SWITCH = {True: "yes", False: "no", None: "–"}


def print_matrix(state: LabState, now: datetime) -> None:
    """Three tables; the last one only when there are such keys."""
    rows = [_my_key(key, now) for key in state.my_keys]
    print_table(["my key", "type", "comment", "age", "passphrase", "where"], rows)
    print()
    print_table(["account", "host key", "via", "password", "sudo", "keys", "found"], _accounts(state))
    strange = unknown_keys(state)
    if strange:
        print()
        found = [
            [
                key.fingerprint,
                key.comment or "–",
                since(first_seen(state, key.fingerprint), now),
                since(last_used(state, key.fingerprint), now),
                ", ".join(account for account, _ in key.found),
            ]
            for key in strange
        ]
        print_table(["who is this?", "comment", "first seen", "last used", "on"], found)


def _my_key(key: PublicKey, now: datetime) -> list[str]:
    where = [key.path] if key.path else []
    where += ["agent"] if key.in_agent else []
    kind = f"{key.type} {key.bits}" if key.bits else key.type
    return [
        key.fingerprint,
        kind,
        key.comment or "–",
        since(key.made_at, now),
        _SWITCH[key.has_passphrase],
        ", ".join(where),
    ]


def _accounts(state: LabState) -> list[list[str]]:
    host_keys, ways, others = dict(state.host_keys), dict(state.ways), found_accounts(state)
    mine = {key.fingerprint: key.comment or key.fingerprint for key in state.my_keys}
    lines: list[list[str]] = []
    for account, reading in state.accounts:
        value, host_key, way = reading.value, host_keys.get(account), ways.get(account)
        about = [host_key.state.value if host_key else "–", "–" if way is None else " ".join(way) or "direct"]
        if value is None:
            lines.append([account, *about, "–", "–", "unread", reading.problem or "not read"])
            continue
        lines.append([account, *about, _SWITCH[value.password_login], _SWITCH[value.sudo], *_keys(value, mine)])
        node = account.rpartition("@")[2]
        lines += [[f"{other.account}@{node}", "–", "–", "–", "–", *_keys(other, mine)] for other in others[account]]
    return lines


def _keys(account: AccountKeys | FoundAccount, mine: dict[str, str]) -> list[str]:
    cells = [f"{mine.get(cell.fingerprint, cell.fingerprint)}: {cell.state.value}" for cell in account.cells]
    unread = [f"{file}: unreadable" for file in account.unread]
    return ["unread" if unread and not cells else str(len(cells)), ", ".join((*cells, *unread)) or "no keys"]
