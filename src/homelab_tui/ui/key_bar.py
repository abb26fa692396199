"""The footer: what can be pressed here, dim where it cannot be done now. A click does what the key does."""

from collections.abc import Callable, Sequence

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from homelab_tui.commands import Command
from homelab_tui.config.keymap import keys_of

SHORT_KEYS = {
    "question_mark": "?",
    "equals_sign": "=",
    "slash": "/",
    "colon": ":",
    "escape": "esc",
    "space": "space",
    "enter": "⏎",
}


def shown_key(key: str) -> str:
    """A key's name as people know it."""
    return SHORT_KEYS.get(key, key.replace("ctrl+", "^"))


_ALWAYS = ("app.help", "app.quit")
"""What nobody should have to look for: the way to all keys, and the way out."""


class KeyBar(Widget):
    """One line of keys and labels, as many as fit."""

    DEFAULT_CSS = """
    KeyBar { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """
    ALLOW_SELECT = False

    class CommandClicked(Message):
        """A command in the bar was clicked."""

        def __init__(self, command_id: str) -> None:
            super().__init__()
            self.command_id = command_id

    def __init__(self, keymap: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keymap = tuple(keymap)
        self._commands: tuple[Command, ...] = ()
        self._drawn: tuple[tuple[str, bool], ...] = ()
        """Id of each command, and whether it is possible now."""
        self._known_words: dict[tuple[str, bool], Text] = {}

    def show(self, commands: Sequence[Command], why_not: Callable[[str], str | None]) -> None:
        """Show these commands; those with a reason against them are dim."""
        drawn = tuple((command.id, why_not(command.id) is None) for command in commands)
        if drawn == self._drawn:
            return
        self._commands, self._drawn = tuple(commands), drawn
        self.refresh()

    def render(self) -> Text:
        """The line: as many whole commands as fit, the last resort ones always, at the right edge."""
        possible = dict(self._drawn)
        all_words = {command.id: self._words(command, possible[command.id]) for command in self._commands}
        always = [words for command_id, words in all_words.items() if command_id in _ALWAYS]
        room = self.content_size.width - sum(words.cell_len for words in always)
        text = Text(no_wrap=True, overflow="crop")
        for command_id, words in all_words.items():
            if command_id in _ALWAYS or text.cell_len + words.cell_len > room:
                continue
            text.append_text(words)
        text.append(" " * max(0, room - text.cell_len))
        for words in always:
            text.append_text(words)
        return text

    def _words(self, command: Command, possible: bool) -> Text:
        """`d Delete  `, dim where it cannot be done; empty for a command without a key. Each is made once."""
        known = self._known_words.get((command.id, possible))
        if known is None:
            known = self._known_words[command.id, possible] = self._made(command, possible)
        return known

    def _made(self, command: Command, possible: bool) -> Text:
        keys = keys_of(command, self._keymap)
        if not keys:
            return Text()
        meta = Style(meta={"command": command.id})
        key = Text(shown_key(keys[0]), Style(bold=possible, dim=not possible) + meta)
        return key.append(f" {command.label}  ", Style(dim=not possible) + meta)

    def on_click(self, event: events.Click) -> None:
        """Carry out what was clicked."""
        command_id = event.style.meta.get("command")
        if isinstance(command_id, str):
            self.post_message(self.CommandClicked(command_id))
