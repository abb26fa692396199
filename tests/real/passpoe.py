"""POWER-ETHERNET-MIB for Debian's snmpd, as a pass_persist program: N ports with a power-up state machine.

Usage: passpoe.py PORTS [never=PORT] [locked=PORT] [slow=MS]
Ports 1-4 have a device. `never` is denied power when it is switched on; `locked` refuses every value. `slow`: so long
every object takes.
Switching off counts at once; switching on searches first and delivers after 0.3 s.
"""

import sys
import time
from collections.abc import Callable

Oid = tuple[int, ...]
BASE: Oid = (1, 3, 6, 1, 2, 1, 105)
PORTS: Oid = (*BASE, 1, 1, 1)
MAIN: Oid = (*BASE, 1, 3, 1, 1)
SEARCH_S = 0.3
DEVICES = frozenset({1, 2, 3, 4})
DISABLED, SEARCHING, DELIVERING, FAULT = 1, 2, 3, 4


class Switch:
    """The ports and what they do."""

    def __init__(self, ports: int, never: int | None, locked: int | None) -> None:
        self._never, self._locked = never, locked
        self._admin = dict.fromkeys(range(1, ports + 1), 1)
        self._since = dict.fromkeys(self._admin, time.monotonic() - 60)
        self._denied = dict.fromkeys(self._admin, 0)
        self._absent = dict.fromkeys(self._admin, 0)

    def detection(self, port: int) -> int:
        """pethPsePortDetectionStatus, now."""
        if self._admin[port] == 2:
            return DISABLED
        if port not in DEVICES:
            return SEARCHING
        if port == self._never and self._denied[port]:
            return FAULT
        return DELIVERING if time.monotonic() - self._since[port] > SEARCH_S else SEARCHING

    def rows(self) -> dict[Oid, tuple[str, str]]:
        """Every object: its type for net-snmp, and its value."""
        found: dict[Oid, tuple[str, str]] = {}
        for port in self._admin:
            detection = self.detection(port)
            power_class = 5 if detection == DELIVERING else 1
            columns: dict[int, tuple[str, int | str]] = {
                3: ("integer", self._admin[port]),
                4: ("integer", 2),
                5: ("integer", 1),
                6: ("integer", detection),
                7: ("integer", 3),
                8: ("counter", self._absent[port]),
                9: ("string", ""),
                10: ("integer", power_class),
                11: ("counter", 0),
                12: ("counter", self._denied[port]),
                13: ("counter", 0),
                14: ("counter", 0),
            }
            for column, (kind, value) in columns.items():
                found[(*PORTS, column, 1, port)] = (kind, str(value))
        drawn = 5 * sum(self.detection(port) == DELIVERING for port in self._admin)
        for column, (kind, value) in {
            2: ("gauge", 60),
            3: ("integer", 1),
            4: ("gauge", drawn),
            5: ("integer", 80),
        }.items():
            found[(*MAIN, column, 1)] = (kind, str(value))
        return found

    def write(self, oid: Oid, kind: str, value: str) -> str:
        """Carry out a SET; net-snmp's word for how it went."""
        if oid[:-2] != (*PORTS, 3) or oid[-2] != 1 or oid[-1] not in self._admin:
            return "not-writable"
        if kind != "integer":
            return "wrong-type"
        port = oid[-1]
        if value not in ("1", "2") or port == self._locked:
            return "wrong-value"
        if value == "1" and self._admin[port] == 2:
            self._since[port] = time.monotonic()
            self._denied[port] += port == self._never
        if value == "2" and self.detection(port) == DELIVERING:
            self._absent[port] += 1
        self._admin[port] = int(value)
        return "DONE"


def parse(text: str) -> Oid:
    """`.1.3.6` as numbers."""
    return tuple(int(arc) for arc in text.strip().strip(".").split("."))


def serve(switch: Switch, read: Callable[[], str], write: Callable[[str], object], slow_s: float = 0) -> None:
    """Answer snmpd until it closes the pipe, each object after `slow_s`."""
    while command := read():
        word = command.strip()
        if word == "PING":
            write("PONG\n")
        elif word in ("get", "getnext"):
            time.sleep(slow_s)
            asked, rows = parse(read()), switch.rows()
            key = asked if word == "get" else min((oid for oid in rows if oid > asked), default=())
            if key not in rows:
                write("NONE\n")
            else:
                write(f".{'.'.join(map(str, key))}\n{rows[key][0]}\n{rows[key][1]}\n")
        elif word == "set":
            asked = parse(read())
            kind, _, value = read().strip().partition(" ")
            write(f"{switch.write(asked, kind, value)}\n")
        sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Read the options and serve standard input and output."""
    options = dict(argument.split("=") for argument in arguments[1:])
    numbers = {name: int(value) for name, value in options.items()}
    switch = Switch(int(arguments[0]), numbers.get("never"), numbers.get("locked"))
    serve(switch, sys.stdin.readline, sys.stdout.write, numbers.get("slow", 0) / 1000)


if __name__ == "__main__":
    main(sys.argv[1:])
