"""On which line of a TOML text a key stands: tomllib does not tell."""

import re
import tomllib
from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]
"""Keys, and indexes of arrays: `("nodes", 1, "poe")`."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n"
    r"|[\[\]{}=,.]"
    r"|[^\s\[\]{}=,.\"'#]+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """1-based line of every table header and key of a text that tomllib accepts."""
    return _Scanner(text).scan()


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a path, or of the nearest parent that has one."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def shown(path: KeyPath) -> str:
    """A path as TOML would write it: `nodes[1].poe`, `ui.keymap."jobs.delete"`. No key can break out of its line."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else _quoted(part))
    return text


def _quoted(key: str) -> str:
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\u{ord(c):04x}" for c in key) + '"'


class _Scanner:
    """Walks the tokens of one text. It trusts the syntax (tomllib has accepted it) and needs only its structure."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._lines: dict[KeyPath, int] = {}
        self._last: dict[KeyPath, int] = {}
        """Index of the newest element of each array of tables."""
        self._table: KeyPath = ()

    def scan(self) -> dict[KeyPath, int]:
        for piece, line in self._tokens:
            if piece == "[":
                self._header(line)
            elif piece != "\n":
                self._value(self._key(self._table, piece, line))
        return self._lines

    def _header(self, line: int) -> None:
        parts, is_array = [], False
        for piece, _ in self._tokens:
            if piece == "[":
                is_array = True
            elif piece in ("]", "\n"):
                break
            elif piece != ".":
                parts.append(_unquoted(piece))
        path: KeyPath = ()
        for number, part in enumerate(parts):
            path = (*path, part)
            self._lines.setdefault(path, line)
            if is_array and number == len(parts) - 1:
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = (*path, self._last[path])
            self._lines.setdefault(path, line)
        self._table = path
        for piece, _ in self._tokens:
            if piece == "\n":
                break

    def _key(self, table: KeyPath, first: str, line: int) -> KeyPath:
        """The path of a key, from its first part up to its `=`."""
        path = (*table, _unquoted(first))
        self._lines.setdefault(path, line)
        for piece, _ in self._tokens:
            if piece == "=":
                break
            if piece != ".":
                path = (*path, _unquoted(piece))
                self._lines.setdefault(path, line)
        return path

    def _value(self, path: KeyPath) -> None:
        """Everything up to the end of a statement; inline tables and arrays on the way, without recursion."""
        open_values: list[tuple[KeyPath, int | None]] = []
        """Path of each value that is not closed yet, and the index of its element when it is an array."""
        wants_key = False
        current = path
        for piece, line in self._tokens:
            if piece == "\n":
                if not open_values:
                    return
            elif wants_key and piece not in ("}", ","):
                current = self._key(open_values[-1][0], piece, line)
                wants_key = False
            elif piece in ("[", "{"):
                self._lines.setdefault(current, line)
                wants_key = piece == "{"
                open_values.append((current, None if wants_key else 0))
                current = current if wants_key else (*current, 0)
            elif piece in ("]", "}") and open_values:
                current, wants_key = open_values.pop()[0], False
            elif piece == "," and open_values:
                parent, index = open_values[-1]
                wants_key = index is None
                if index is not None:
                    open_values[-1] = (parent, index + 1)
                    current = (*parent, index + 1)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """Tokens with their lines, comments left out."""
    line = 1
    for match in _TOKEN.finditer(text):
        piece = match[0]
        if not piece.startswith("#"):
            yield piece, line
        line += piece.count("\n")


def _unquoted(piece: str) -> str:
    if piece[0] not in "\"'":
        return piece
    if piece[0] == "'":
        return piece[1:-1]
    value: str = next(iter(tomllib.loads(f"{piece} = 0")))
    return value
