"""Textual bindings from the command table."""

from textual.binding import Binding

from homelab_tui.commands import COMMANDS


def bindings_of(pane: str | None) -> list[Binding]:
    """The bindings of one pane, or with None those of every pane; ids are the user's handle for the keymap."""
    return [
        Binding(",".join(command.keys), command.action, command.label, show=False, id=command.id, tooltip=command.help)
        for command in COMMANDS
        if command.pane == pane and command.keys and not command.id.startswith("table.")
    ]
