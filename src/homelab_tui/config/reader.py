"""Taking typed values out of a TOML table, noting every problem instead of stopping at the first."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from homelab_tui.config.lines import KeyPath, key_lines, line_of, shown
from homelab_tui.config.model import SecretRef
from homelab_tui.config.units import parse_duration, parse_size
from homelab_tui.domain.errors import ConfigProblem

T = TypeVar("T")
D = TypeVar("D", int, None)
SECRET_FORMS = ("", "_file", "_env", "_command")
"""A secret X is given as X, X_file, X_env or X_command."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Control and format characters (line ends, escapes, text direction): they make a name look like another.
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp")


class Problems:
    """Collects what is wrong, with its place."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._text = text
        self.found: list[ConfigProblem] = []

    def add(self, place: KeyPath, message: str) -> None:
        """Note one problem at a place."""
        self.found.append(ConfigProblem(str(self.path), line_of(self._lines, place), shown(place), message))

    @cached_property
    def _lines(self) -> Mapping[KeyPath, int]:
        # Only a file with problems pays for this.
        return key_lines(self._text)


class Table:
    """One TOML table. Ask for every key it may have, then `finish()`: what was not asked for is refused."""

    def __init__(self, values: Mapping[str, object], place: KeyPath, problems: Problems) -> None:
        self._values = values
        self.place = place
        self._problems = problems
        self._asked: set[str] = set()
        self.inline_secrets: list[str] = []

    def problem(self, key: str, message: str, *, inner: str | None = None) -> None:
        """Note a problem with one key, or with the `inner` key of the table it holds."""
        self._problems.add((*self.place, key) if inner is None else (*self.place, key, inner), message)

    def has(self, key: str) -> bool:
        """Whether the file gives that key."""
        return key in self._values

    def secret_keys(self, key: str) -> list[str]:
        """In which of its forms the file gives a secret."""
        return [key + form for form in SECRET_FORMS if key + form in self._values]

    def text(
        self, key: str, *, required: bool = False, choices: tuple[str, ...] = (), words: str = "a string"
    ) -> str | None:
        """A non-empty string without control characters."""
        value = self._take(key, str, f"{words}: one of {', '.join(choices)}" if choices else words)
        if value is None:
            if required and key not in self._values:
                self.problem(key, "is missing")
            return None
        wrong = _wrong_text(value)
        if wrong:
            self.problem(key, wrong)
            return None
        if choices and value not in choices:
            import difflib  # only what is wrong needs it

            near = difflib.get_close_matches(value, choices, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self.problem(key, f"is {value!r}, must be one of {', '.join(choices)}{hint}")
            return None
        return value

    def name(self, key: str, default: str | None = None) -> str | None:
        """An identity: it is typed in commands, so it is plain. Required without a default."""
        name = self.text(key, required=default is None)
        if name is not None and not _NAME.fullmatch(name):
            self.problem(key, f"{name!r}: use letters, digits, dots, dashes and underscores")
        return name or default

    def host(self, key: str) -> str | None:
        """A host name, an address or an ssh alias."""
        host = self.text(key)
        if host is not None and re.search(r"^-|[\s/]", host):
            self.problem(key, f"{host!r} is not a host name or address")
        return host

    def integer(self, key: str, default: D, *, low: int, high: int) -> int | D:
        """A whole number within bounds."""
        value = self._take(key, int, "a whole number")
        if value is not None and not low <= value <= high:
            self.problem(key, f"must be {low} to {high}")
            return default
        return default if value is None else value

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._take(key, bool, "true or false")
        return default if value is None else value

    def strings(self, key: str, *, allow: str = "") -> tuple[str, ...]:
        """A list of non-empty strings without control characters, those in `allow` excepted."""
        values = self._take(key, list, "a list of strings") or []
        for number, value in enumerate(values, start=1):
            wrong = _wrong_text(value, allow) if isinstance(value, str) else "is not a string"
            if wrong:
                self.problem(key, f"item {number} {wrong}")
                return ()
        return tuple(values)

    def pairs(self, key: str, *, empty: bool = False) -> tuple[tuple[str, str], ...]:
        """A table of strings; `empty` ones only where they mean something."""
        values = self._take(key, dict, "a table of strings") or {}
        found = []
        for inner, value in values.items():
            wrong = _wrong_text(value) if isinstance(value, str) else "must be a string"
            if wrong and not (empty and value == ""):
                self.problem(key, wrong, inner=inner)
            else:
                found.append((inner, value))
        return tuple(found)

    def path_to(self, key: str) -> Path | None:
        """A path: `~` expanded, a relative one from where the configuration file is."""
        text = self.text(key)
        return None if text is None else self.expanded(key, text)

    def expanded(self, key: str, text: str) -> Path | None:
        """The path that a text of this key means."""
        try:
            return self._problems.path.parent / Path(text).expanduser()
        except RuntimeError:  # ~name: there is no such user
            self.problem(key, f"{text!r} begins with a home directory that is not known")
            return None

    def size(self, key: str) -> int | None:
        """Bytes, from a string with a unit."""
        return self._parsed(key, parse_size, 'a string with a unit, like "16 GB"')

    def duration(self, key: str, default: float, *, low: float, high: float) -> float:
        """Seconds, from a string with a unit."""
        value = self._parsed(key, parse_duration, 'a string with a unit, like "5s"')
        if value is None:
            return default
        if not low <= value <= high:
            self.problem(key, f"must be {low:g} s to {high:g} s")
            return default
        return value

    def secret(self, key: str) -> SecretRef | None:
        """`X`, `X_file`, `X_env` or `X_command`: at most one of them."""
        given = self.secret_keys(key)
        for other in given[1:]:
            self.problem(other, f"is given beside {given[0]}: keep one")
        inline, file, env = self.text(key), self.path_to(f"{key}_file"), self.text(f"{key}_env")
        command = self.strings(f"{key}_command", allow="\n\t")
        if f"{key}_command" in given and self._values[f"{key}_command"] == []:
            self.problem(f"{key}_command", "is empty")
        if inline is not None:
            self.inline_secrets.append(shown((*self.place, key)))
        # What is given and wrong is still given: nobody else shall call it missing.
        return SecretRef(inline=inline, file=file, env=env, command=command or None) if given else None

    def table(self, key: str) -> "Table":
        """A sub-table; an empty one when it is not given."""
        value = self._take(key, dict, f"a table: write [{shown((*self.place, key))}]")
        return Table(value or {}, (*self.place, key), self._problems)

    def tables(self, key: str) -> list["Table"]:
        """The tables of an array of tables, `[[key]]`."""
        words = f"an array of tables: write [[{shown((*self.place, key))}]]"
        values = self._take(key, list, words) or []
        if not all(isinstance(value, dict) for value in values):
            self.problem(key, f"must be {words}")
            return []
        return [Table(value, (*self.place, key, number), self._problems) for number, value in enumerate(values)]

    def pass_over_the_rest(self) -> None:
        """Name no key of this table as unknown: what is wrong with it was said in one sentence."""
        self._asked.update(self._values)

    def finish(self) -> None:
        """Refuse every key that nobody asked for, with a suggestion."""
        for key in self._values:
            if key not in self._asked:
                import difflib  # only what is wrong needs it

                near = difflib.get_close_matches(key, sorted(self._asked), 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self._asked))}"
                self.problem(key, f"unknown key; {hint}")

    def _take(self, key: str, kind: type[T], words: str) -> T | None:
        self._asked.add(key)
        value = self._values.get(key)
        if value is None:
            return None
        # bool is an int to Python, but never to a person.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(key, f"must be {words}")
            return None
        return value

    def _parsed(self, key: str, parse: Callable[[str], T], words: str) -> T | None:
        text = self.text(key, words=words)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problem(key, f"is {text!r}: {error}")
            return None


def _wrong_text(value: str, allow: str = "") -> str | None:
    if not value.strip():
        return "is empty"
    if any(unicodedata.category(c) in _INVISIBLE and c not in allow for c in value):
        return "has control characters in it"
    return None
