"""The sections of a probe's answer, and careful reading of what is in them. Nothing in here raises on any input."""

import math
from collections.abc import Mapping

from homelab_tui.domain.values import Frozen, field

_LONGEST = 200
"""Characters of a name that are kept; no honest one is longer."""


class ProbeAnswer(Frozen):
    """What a node said, by section. The first section of a name counts."""

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path → lines that are not blank."""
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name → lines of output that are not blank."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Name → exit status; a program that is missing has none."""
    hexadecimals: Mapping[str, str] = field(default_factory=dict)
    marks: frozenset[str] = frozenset()
    """Sections without content: end, reboot-required."""

    def line(self, path: str) -> str | None:
        """The first line of a file, stripped; None when it is missing or empty."""
        lines = self.files.get(path, ())
        return tidy(lines[0]) if lines else None

    def below(self, folder: str) -> dict[str, dict[str, str]]:
        """Files one or more levels below a folder: {entry: {rest of the path: first line}}."""
        found: dict[str, dict[str, str]] = {}
        prefix = folder.rstrip("/") + "/"
        for path in self.files:
            if path.startswith(prefix):
                entry, _, rest = path[len(prefix) :].partition("/")
                value = self.line(path)
                if rest and value is not None:
                    found.setdefault(entry, {})[rest] = value
        return found


def split_answer(text: str) -> ProbeAnswer:
    """The sections of a probe's output. What a login prints before the first mark is dropped."""
    files: dict[str, tuple[str, ...]] = {}
    commands: dict[str, tuple[str, ...]] = {}
    statuses: dict[str, int] = {}
    hexadecimals: dict[str, str] = {}
    marks: set[str] = set()
    kind, name, lines = "", "", list[str]()
    started = False

    def finish() -> None:
        if kind == "file":
            files.setdefault(name, tuple(lines))
        elif kind == "cmd":
            commands.setdefault(name, tuple(lines))
        elif kind == "hex" and lines:
            hexadecimals.setdefault(name, "".join(lines[0].split()))

    for raw in text.split("\n"):
        line = raw.rstrip("\r")
        if not line.startswith("@@ "):
            if started and line.strip():
                lines.append(line)
            continue
        word, _, rest = line[3:].strip().partition(" ")
        if not started:
            started = word == "probe"
            continue
        if word == "rc" and kind == "cmd":
            if (status := whole(rest)) is not None:
                statuses.setdefault(name, status)
            finish()
            kind, name, lines = "", "", []
            continue
        finish()
        kind, name, lines = word, rest.strip(), []
        if word in ("end", "reboot-required"):
            marks.add(word)
    finish()
    return ProbeAnswer(files, commands, statuses, hexadecimals, frozenset(marks))


def output(answer: ProbeAnswer, command: str) -> str | None:
    """The first line that a program printed."""
    lines = answer.commands.get(command, ())
    return lines[0] if lines else None


def tidy(value: str | None) -> str | None:
    """A name without surrounding space and NULs, cut to a sane length; None when nothing is left."""
    if value is None:
        return None
    return value.replace("\x00", "").strip()[:_LONGEST].rstrip() or None


def whole(value: str | None) -> int | None:
    """A decimal integer; None when it is none, or too long to be one."""
    text = (value or "").strip()
    if not text or len(text) > 24 or not text.isascii() or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def natural(value: str | None) -> int | None:
    """A decimal integer that is not negative, else None."""
    found = whole(value)
    return found if found is not None and found >= 0 else None


def real(value: str | None) -> float | None:
    """A finite number, else None."""
    text = (value or "").strip()
    if not text or len(text) > 40 or not text.isascii() or "_" in text:
        return None
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def settings(lines: tuple[str, ...], separator: str = "=") -> dict[str, str]:
    """`KEY=value` or `Key: value` lines as a mapping; the first of a key counts. Quotes around values are removed."""
    found: dict[str, str] = {}
    for line in lines:
        key, separated, value = line.partition(separator)
        if separated and key.strip():
            found.setdefault(key.strip(), unquote(value.strip()))
    return found


def unquote(value: str) -> str:
    """A shell-quoted value as in os-release: one pair of quotes off, escaped characters as themselves."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        inner = value[1:-1]
        if value[0] == "'":
            return inner
        return inner.replace('\\"', '"').replace("\\$", "$").replace("\\`", "`").replace("\\\\", "\\")
    return value
