"""Values of a walk, and the collection of what was odd about them."""

from collections.abc import Mapping

from homelab_tui.sources.vendor_tables import Oid

Value = int | bytes | Oid
"""One SNMP value: numbers, octets, or an object identifier. A missing value is not in the mapping."""

Cells = Mapping[Oid, Value]
"""What an agent said: object identifier → value."""

PortKey = tuple[int, int]
"""group, port"""


class Findings:
    """Collects oddities; ports with the same oddity share a sentence."""

    def __init__(self) -> None:
        self._ports: dict[str, list[PortKey]] = {}
        self._others: list[str] = []

    def port(self, key: PortKey, oddity: str) -> None:
        """Note an oddity of one port."""
        self._ports.setdefault(oddity, []).append(key)

    def add(self, sentence: str) -> None:
        """Note an oddity of the switch or of a group."""
        if sentence not in self._others:
            self._others.append(sentence)

    def sentences(self) -> tuple[str, ...]:
        """Everything noted, the switch first."""
        return (*self._others, *(f"{_port_list(keys)}: {oddity}" for oddity, keys in self._ports.items()))


def _port_list(keys: list[PortKey], shown: int = 4) -> str:
    names = [f"{group}/{port}" for group, port in keys[:shown]]
    rest = len(keys) - shown
    return ("port " if len(keys) == 1 else "ports ") + ", ".join(names) + (f" and {rest} more" if rest > 0 else "")


def text(value: Value | None) -> str | None:
    """An octet string as text; None when it is missing, empty or not a string. Undecodable bytes become U+FFFD."""
    if not isinstance(value, bytes):
        return None
    return value.decode("utf-8", "replace").replace("\x00", "").strip() or None


def number(value: Value | None) -> int | None:
    """An integer value; None when it is missing or not a number."""
    return value if isinstance(value, int) else None
