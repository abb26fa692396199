"""All keys, and what words and glyphs mean: from the command table, so that it is never out of date."""

from rich.text import Text

from homelab_tui.commands import COMMANDS
from homelab_tui.config.keymap import keys_of
from homelab_tui.present.words import LEGEND
from homelab_tui.ui.key_bar import shown_key
from homelab_tui.ui.screens.text import TextScreen

_GROUPS = ((None, "Everywhere"), ("nodes", "Nodes"), ("keys", "Keys"), ("jobs", "Jobs"), ("log", "A log"))


class HelpScreen(TextScreen):
    """The help screen."""

    def __init__(self, keymap: tuple[tuple[str, str], ...]) -> None:
        super().__init__("Keys", help_text(keymap))


def help_text(keymap: tuple[tuple[str, str], ...]) -> Text:
    """Keys by pane, then the legend."""
    text = Text()
    for pane, title in _GROUPS:
        text.append(f"{title}\n", "bold")
        for command in COMMANDS:
            if command.pane == pane:
                keys = " ".join(shown_key(key) for key in keys_of(command, keymap)) or "(palette)"
                text.append(f"  {keys:<10}", "bold")
                text.append(f" {command.help}\n")
        text.append("\n")
    text.append("What the signs mean\n", "bold")
    for kind, words in LEGEND:
        text.append(f"  {kind:<10}", "bold")
        text.append(f" {words}\n")
    text.append("\nP+K: known to Prometheus and Kubernetes. Dim rows are stale: their source does not answer.\n", "dim")
    return text
