"""The JSON of `homelab keys`. Its names are a contract: they are never renamed."""

from datetime import datetime

from homelab_tui.domain.keys import AccountKeys, FoundAccount, PublicKey
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.present.documents import Document, account_health, health_document
from homelab_tui.present.times import rfc3339
from homelab_tui.present.unknown_keys import first_seen, last_used, unknown_keys


def keys_document(state: LabState, now: datetime) -> Document:
    """`homelab keys --json`. A node's other accounts that hold keys are entries of their own."""
    mine = {key.fingerprint for key in state.my_keys}
    nodes: list[Document] = []
    for account, reading in state.accounts:
        nodes.append(_account_document(state, account, reading, mine, now))
        others = reading.value.others if reading.value else ()
        taken = {one["account"] for one in nodes if one["name"] == nodes[-1]["name"]}
        nodes += [
            {**nodes[-1], "account": other.account, "password_login": None, "password_by_config": None, "methods": None}
            | {"sudo": None, **_found_document(other, mine)}
            for other in others
            if other.account not in taken
        ]
    unknown = [
        {
            "fingerprint": key.fingerprint,
            "type": key.type or None,
            "comment": key.comment or None,
            "first_seen_at": rfc3339(first_seen(state, key.fingerprint)),
            "last_used_at": rfc3339(last_used(state, key.fingerprint)),
            "accounts": [account for account, _ in key.found],
        }
        for key in unknown_keys(state)
    ]
    keys = [key_document(key) for key in state.my_keys]
    return {"taken_at": rfc3339(now), "keys": keys, "nodes": nodes, "unknown_keys": unknown}


def _account_document(
    state: LabState, account: str, reading: Reading[AccountKeys], mine: set[str], now: datetime
) -> Document:
    value = reading.value
    host_key = next((key for name, key in state.host_keys if name == account), None)
    node = next((node for node in state.nodes if node.name == account.rpartition("@")[2]), None)
    way = next((way for name, way in state.ways if name == account), None)
    unread: Document = {"authorized": None, "unknown": None, "cells": []}
    unread["problems"] = [reading.problem] if reading.problem else []
    return {
        "name": node.name if node else account,
        "account": value.account if value else (account.rpartition("@")[0] or (node.user if node else None)),
        "health": health_document(account_health(reading, now)),
        "host_key": host_key.state.value if host_key else None,
        "via": list(way) if way is not None else None,
        "server_version": value.server_version if value else None,
        "methods": list(value.methods) if value and value.methods else None,
        "password_login": value.password_login if value else None,
        "password_by_config": value.password_by_config if value else None,
        "sudo": value.sudo if value else None,
        **(_found_document(value, mine) if value else unread),
    }


def _found_document(found: AccountKeys | FoundAccount, mine: set[str]) -> Document:
    """The keys of one account; `authorized` is null where a file could not be read and nothing else was found."""
    authorized = None if found.unread and not found.cells else authorized_fingerprints(found)
    return {
        "authorized": authorized,
        "unknown": [mark for mark in authorized if mark not in mine] if authorized is not None else None,
        "cells": [
            {"fingerprint": c.fingerprint, "state": c.state.value, "line": c.line, "options": c.options or None}
            for c in found.cells
        ],
        "problems": list(found.problems),
    }


def authorized_fingerprints(account: AccountKeys | FoundAccount) -> list[str]:
    """Each key found, once, in the file's order."""
    return list(dict.fromkeys(cell.fingerprint for cell in account.cells))


def key_document(key: PublicKey) -> Document:
    """One key of mine."""
    return {
        "fingerprint": key.fingerprint,
        "type": key.type,
        "bits": key.bits,
        "comment": key.comment or None,
        "path": key.path or None,
        "made_at": rfc3339(key.made_at),
        "has_passphrase": key.has_passphrase,
        "in_agent": key.in_agent,
    }
