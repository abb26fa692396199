"""What a `list` command prints about PoE ports, understood: pure. docs/switch-commands.md is its specification.

JSON (a list of ports, `{"ports": [...]}`, or `ubus call poe info` as OpenWrt prints it), or a table with a heading.
"""

import json
import re
from collections.abc import Iterator

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.sources.json_values import Object, number, scaled, text, truth, whole

_NAMES = {
    "port": ("port", "port_id", "portid", "id", "index"),
    "group": ("group", "unit"),
    "label": ("label", "name", "port_name", "description"),
    "admin": ("admin", "enabled", "power_on", "port_power", "mode"),
    "status": ("status", "detection", "state"),
    "class": ("class", "power_class", "poe_class"),
    "power_w": ("power_w", "power", "watts", "consumption", "pwr_w"),
    "voltage_v": ("voltage_v", "voltage", "volts"),
    "current_ma": ("current_ma", "current"),
}
"""Our name of a value, and the headings that mean it: blanks, dashes and units in brackets are taken off before."""
_WORDS = {
    "disabled": Detection.DISABLED,
    "off": Detection.DISABLED,
    "searching": Detection.SEARCHING,
    "detecting": Detection.SEARCHING,
    "delivering": Detection.DELIVERING,
    "deliveringpower": Detection.DELIVERING,
    "poweron": Detection.DELIVERING,
    "on": Detection.DELIVERING,
    "fault": Detection.FAULT,
    "overload": Detection.FAULT,
    "short": Detection.FAULT,
    "test": Detection.TEST,
    "otherfault": Detection.OTHER_FAULT,
    "error": Detection.OTHER_FAULT,
}


def reading(switch: str, output: str) -> SwitchReading:
    """The ports that the command printed. Raises: SourceGarbled for an output that is neither form."""
    findings: list[str] = []
    rows, budget = _rows(output)
    ports: dict[PortRef, PoePort] = {}
    for row in rows:
        port = _port(switch, row, findings)
        if port is None:
            findings.append("a row without a port number is left out")
        elif port.ref in ports:
            findings.append(f"{port.ref} is listed twice; the first row counts")
        else:
            ports[port.ref] = port
    if not ports:
        raise SourceGarbled("the list command printed no port (docs/switch-commands.md says what it must print)")
    return SwitchReading(
        name=switch,
        source="command",
        ports=tuple(sorted(ports.values(), key=lambda port: port.ref)),
        groups=() if budget is None else (PseGroup(1, budget_mw=budget or None),),
        findings=tuple(dict.fromkeys(findings)),
    )


def _rows(output: str) -> tuple[list[Object], int | None]:
    """The rows, by our names, and the budget in mW where it is told."""
    if output.lstrip()[:1] in ("{", "["):
        try:
            document: object = json.loads(output)
        except (ValueError, RecursionError) as error:
            raise SourceGarbled("the list command printed JSON that cannot be read") from error
        budget = scaled(document.get("budget_w", document.get("budget")), 1000) if isinstance(document, dict) else None
        return [_renamed(row) for row in _json_rows(document)], budget
    return [_renamed(row) for row in _table_rows(output)], None


def _json_rows(document: object) -> Iterator[Object]:
    ports = document.get("ports", []) if isinstance(document, dict) else document
    if isinstance(ports, dict):  # {"lan3": {...}}: the number is in the name
        for name, row in ports.items():
            digits = re.search(r"([0-9]{1,4})$", str(name))
            if isinstance(row, dict) and digits:
                yield {"name": str(name), **row, "port": digits[1]}
    elif isinstance(ports, list):
        yield from (row for row in ports if isinstance(row, dict))


def _table_rows(output: str) -> Iterator[Object]:
    """Cells between bars, else between blanks; `-` is a value that is not known. Rules of a table are passed over."""
    lines = [line.strip() for line in output.splitlines() if re.search(r"[A-Za-z0-9]", line)]
    if not lines:
        return
    split = _barred if "|" in lines[0] else str.split
    headings = [heading.casefold() for heading in split(lines[0])]
    for line in lines[1:]:
        cells = split(line)
        if len(cells) != len(headings):
            raise SourceGarbled(
                f"the list command's table has {len(headings)} columns, and a row with {len(cells)}: "
                "put bars (|) between the cells, or print JSON"
            )
        yield {head: cell for head, cell in zip(headings, cells, strict=True) if cell not in ("-", "–", "")}


def _barred(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _renamed(row: Object) -> Object:
    given = {re.sub(r"\s*\(.*?\)\s*", "", str(key)).strip().casefold(): value for key, value in row.items()}
    given = {re.sub(r"[\s-]+", "_", key): value for key, value in given.items()}
    return {ours: given[key] for ours, keys in _NAMES.items() for key in reversed(keys) if key in given}


def _port(switch: str, row: Object, findings: list[str]) -> PoePort | None:
    index = whole(row.get("port"))
    group = whole(row.get("group", 1))
    if index is None or not group:
        return None
    ref = PortRef(switch, group, index)
    status = text(row.get("status"))
    detection = _WORDS.get(re.sub(r"[^a-z]", "", status.casefold())) if status else None
    if status is not None and detection is None:
        findings.append(f"{ref}: a status that is not known: {status!r}")
    admin = truth(row.get("admin"))
    if admin is None and detection is not None and "admin" not in row:
        admin = detection is not Detection.DISABLED
    class_number = number(re.sub(r"(?i)^class\s*", "", str(row.get("class", ""))))
    return PoePort(
        ref=ref,
        label=text(row.get("label")),
        admin_on=admin,
        detection=detection,
        power_class=int(class_number)
        if class_number is not None and class_number in range(9) and detection is Detection.DELIVERING
        else None,
        power_mw=scaled(row.get("power_w"), 1000),
        voltage_mv=scaled(row.get("voltage_v"), 1000),
        current_ma=scaled(row.get("current_ma"), 1),
    )
