"""Raspberry Pi revision codes (`Revision` of /proc/cpuinfo): which board, and how much RAM is soldered onto it.

New style: NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR, F = bit 23. The warranty bits above it change nothing of the board.
"""

from homelab_tui.domain.values import Frozen

_MIB = 1024 * 1024

_TYPES = {
    0x00: "A",
    0x01: "B",
    0x02: "A+",
    0x03: "B+",
    0x04: "2 Model B",
    0x06: "Compute Module",
    0x08: "3 Model B",
    0x09: "Zero",
    0x0A: "Compute Module 3",
    0x0C: "Zero W",
    0x0D: "3 Model B Plus",
    0x0E: "3 Model A Plus",
    0x10: "Compute Module 3 Plus",
    0x11: "4 Model B",
    0x12: "Zero 2 W",
    0x13: "400",
    0x14: "Compute Module 4",
    0x15: "Compute Module 4S",
    0x17: "5 Model B",
    0x18: "Compute Module 5",
    0x19: "500",
    0x1A: "Compute Module 5 Lite",
}
_MODEL_LETTERS = ("A", "B", "A+", "B+")

_OLD = {
    **dict.fromkeys((0x02, 0x03), ("B", "1.0", 256)),
    **dict.fromkeys((0x04, 0x05, 0x06), ("B", "2.0", 256)),
    **dict.fromkeys((0x07, 0x08, 0x09), ("A", "2.0", 256)),
    **dict.fromkeys((0x0D, 0x0E, 0x0F), ("B", "2.0", 512)),
    0x10: ("B+", "1.2", 512),
    0x11: ("Compute Module", "1.0", 512),
    0x12: ("A+", "1.1", 256),
    0x13: ("B+", "1.2", 512),
    0x14: ("Compute Module", "1.0", 512),
    0x15: ("A+", "1.1", None),
}
"""Code → board, revision, MB. 0x15 was sold with 256 and with 512 MB."""


class Board(Frozen):
    """A Raspberry Pi as its revision code describes it."""

    model: str
    """As the device tree says it: "Raspberry Pi 4 Model B Rev 1.4"."""
    memory_bytes: int | None


def decode(code: str) -> Board | None:
    """The board of a revision code in hexadecimal ("c03114"); None when it is no code of a Raspberry Pi."""
    try:
        number = int(code.strip().removeprefix("0x"), 16)
    except ValueError:
        return None
    if not 0 < number < 1 << 32:
        return None
    if not number >> 23 & 1:
        known = _OLD.get(number & 0xFFFF) if number & 0xFFFFFF == number & 0xFFFF else None
        if known is None:
            return None
        name, revision, megabytes = known
        return Board(_title(name, revision), megabytes * _MIB if megabytes else None)
    name = _TYPES.get(number >> 4 & 0xFF, "")
    size = number >> 20 & 7
    if not name or size > 6:
        return None
    return Board(_title(name, f"1.{number & 0xF}"), (256 << size) * _MIB)


def _title(name: str, revision: str) -> str:
    return f"Raspberry Pi {f'Model {name}' if name in _MODEL_LETTERS else name} Rev {revision}"
