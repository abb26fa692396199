"""The user's keys: command id → keys, laid over the command table."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from homelab_tui.commands import COMMANDS, Command

# How the dashboard's key names differ from Unicode's.
_KEY_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_KEY = re.compile(r"(?:(?:ctrl|shift|alt|super|hyper|meta)\+)*(?:[A-Za-z0-9]|[a-z][a-z0-9_]+|[^\x00-\x7f])")


def keys_of(command: Command, keymap: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The keys a command has after the user's keymap, by their names: `/` and `slash` are the same key."""
    given = dict(keymap).get(command.id)
    if given is None:
        return command.keys
    return tuple(dict.fromkeys(_named(key.strip()) for key in given.split(",") if key.strip()))


def keymap_problems(keymap: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(command id, what is wrong): ids and keys that do not exist, keys that would mean two things on one screen."""
    known = [command.id for command in COMMANDS]
    problems = []
    for command_id, _keys in keymap:
        if command_id not in known:
            import difflib  # only what is wrong needs it

            near = difflib.get_close_matches(command_id, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else "docs/keys.md lists them"
            problems.append((command_id, f"there is no such command; {hint}"))
    remapped = {command_id for command_id, _ in keymap}
    taken: dict[tuple[str | None, str], str] = {}
    for command in sorted(COMMANDS, key=lambda command: command.id in remapped):
        for key in keys_of(command, keymap):
            other = _taken_by(taken, command.pane, key)
            if other is not None:
                problems.append((command.id, f"the key {key!r} belongs to {other} already"))
            elif not _KEY.fullmatch(key):
                problems.append((command.id, f'{key!r} is not a key: write "d", "D", "ctrl+d", "f5" or "slash"'))
            taken[command.pane, key] = command.id
    return problems


def shown_key(key: str) -> str:
    """A key as people call it: `/` for slash, `esc` for escape, `ctrl+r` as it is."""
    *modifiers, last = key.split("+")
    full_name = {name: unicode for unicode, name in _KEY_NAMES.items()}.get(last, last)
    try:
        character = unicodedata.lookup(full_name.replace("_", " ")) if len(last) > 1 else last
    except KeyError:  # f5, enter: a key that writes no character
        character = ""
    visible = character.isprintable() and character.strip()
    return "+".join((*modifiers, visible or {"escape": "esc"}.get(last, last)))


def _named(key: str) -> str:
    """The name of a key that is given as its character."""
    if len(key) != 1 or key.isalnum():
        return key
    name = unicodedata.name(key, key).lower().replace("-", "_").replace(" ", "_")
    return _KEY_NAMES.get(name, name)


def _taken_by(taken: dict[tuple[str | None, str], str], pane: str | None, key: str) -> str | None:
    """Who has that key where both can be pressed: in the same pane, or everywhere."""
    if pane is None:
        return next((owner for (_, taken_key), owner in taken.items() if taken_key == key), None)
    return taken.get((pane, key)) or taken.get((None, key))
