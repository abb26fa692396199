"""The block of lines that homelab keeps in /etc/hosts, between two markers; every other byte stays. Pure."""

from collections.abc import Iterable

BEGIN = b"# BEGIN homelab (homelab keys hosts; undo: homelab keys hosts --undo)"
END = b"# END homelab"


class BrokenBlock(ValueError):
    """One of the markers is missing, or stands there twice: somebody has to look."""


def hosts_lines(entries: Iterable[tuple[str, str]]) -> tuple[bytes, ...]:
    """`address name` lines, in the order given."""
    return tuple(f"{address}\t{name}".encode() for name, address in entries)


def with_block(data: bytes, lines: Iterable[bytes]) -> bytes:
    """The file with the block as it should be: in its old place, else at the end. Raises BrokenBlock."""
    block = b"\n".join((BEGIN, *lines, END)) + b"\n"
    place = _place(data)
    if place is None:
        return (data if not data or data.endswith(b"\n") else data + b"\n") + block
    return data[: place[0]] + block + data[place[1] :]


def without_block(data: bytes) -> bytes:
    """The file without the block. Raises BrokenBlock."""
    place = _place(data)
    return data if place is None else data[: place[0]] + data[place[1] :]


def _place(data: bytes) -> tuple[int, int] | None:
    """First byte of the block, and the first byte after it; None without one."""
    begins, ends, position = [], [], 0
    for raw in data.split(b"\n"):
        line = raw.rstrip(b"\r")
        if line.startswith(b"# BEGIN homelab"):
            begins.append(position)
        elif line == END:
            ends.append(min(position + len(raw) + 1, len(data)))
        position += len(raw) + 1
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0] >= ends[0]:
        raise BrokenBlock("the markers of homelab's block are damaged; mend them by hand")
    return begins[0], ends[0]
