"""What keeps a change of authorized_keys from locking somebody out. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from homelab_tui.domain.authorized_keys import Line, parse_authorized_keys
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import CellState, FoundAccount, KeyCell

_CONDITIONAL = re.compile(r"(^|,)\s*(from|command)\s*=", re.IGNORECASE)


def usable_keys(
    files: Iterable[bytes], now: datetime, utc_offset: timedelta = timedelta(), *, proven: str | None = None
) -> frozenset[str]:
    """Fingerprints that these files let in to a shell, from anywhere.

    A line that is expired, broken, an authority's, bound to a place (from=) or to a command does not count, unless it
    is the key that just worked (`proven`). `files` are those that sshd does read; `now` is the node's clock.
    """
    lines = (line for data in files for line in parse_authorized_keys(data, utc_offset))
    found = ((fingerprint(line.blob), line) for line in lines if line.is_login())
    return frozenset(mark for mark, line in found if mark == proven or _is_usable(line, now))


def _is_usable(line: Line, now: datetime) -> bool:
    return not line.is_expired(now) and _CONDITIONAL.search(line.options_text or "") is None


def lock_out(
    before: Iterable[bytes],
    after: Iterable[bytes],
    now: datetime,
    utc_offset: timedelta = timedelta(),
    *,
    login: str | None,
) -> str | None:
    """Why going from one set of files to the other could lock its owner out, as a phrase; None when it does not.

    `login` is the fingerprint of the key that this session came in with.
    """
    old = usable_keys(before, now, utc_offset, proven=login)
    new = usable_keys(after, now, utc_offset, proven=login)
    if login is not None and login in old and login not in new:
        return "it is the key that this session logged in with"
    if old and not new:
        return "it is the last usable line of the account"
    return None


def would_close(account: FoundAccount, fingerprint: str) -> bool:
    """Whether an account, as it was read, loses its last usable line with this key.

    It is what can be said before a node is asked again; the act itself is judged by the files, by `lock_out`.
    """
    usable = {cell.fingerprint for cell in account.cells if _lets_in(cell)}
    return usable == {fingerprint}


def _lets_in(cell: KeyCell) -> bool:
    if cell.state is CellState.RESTRICTED:
        return _CONDITIONAL.search(cell.options or "") is None
    return cell.state in (CellState.PRESENT, CellState.DUPLICATE)
