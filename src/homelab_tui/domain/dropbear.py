"""What dropbear makes of an authorized_keys file that sshd would read: it knows fewer options, and shorter lines."""

import re

from homelab_tui.domain.authorized_keys import LineKind, parse_authorized_keys
from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import CellState, KeyCell
from homelab_tui.domain.values import replace

MAX_LINE_BYTES = 4_200
"""MAX_AUTHKEYS_LINE of its svr-authpubkey.c; it passes over a longer line."""
_UNKNOWN = re.compile(r"(?:^|,)\s*(from|expiry-time|environment|principals|tunnel|cert-authority)\b", re.IGNORECASE)


def as_dropbear_reads(cells: tuple[KeyCell, ...], data: bytes) -> tuple[tuple[KeyCell, ...], tuple[str, ...]]:
    """The cells with those IGNORED that no line lets in, and why, in sentences."""
    raw = data.split(b"\n")
    taken: set[str] = set()
    why: dict[str, str] = {}
    for line in parse_authorized_keys(data):
        if line.kind is not LineKind.KEY:
            continue
        mark = fingerprint(line.blob)
        unknown = _UNKNOWN.search(line.options_text or "")
        if unknown is not None:
            why[mark] = f"line {line.number}: dropbear knows no {unknown[1].lower()}, so it refuses the key"
        elif len(raw[line.number - 1]) >= MAX_LINE_BYTES:
            why[mark] = f"line {line.number}: it is longer than dropbear reads ({MAX_LINE_BYTES} bytes)"
        else:
            taken.add(mark)
    dead = {mark: reason for mark, reason in why.items() if mark not in taken}
    judged = tuple(replace(cell, state=CellState.IGNORED) if cell.fingerprint in dead else cell for cell in cells)
    return judged, tuple(f"{cell.file} {dead[cell.fingerprint]}" for cell in cells if cell.fingerprint in dead)
