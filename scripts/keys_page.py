"""docs/keys.md and the README's key table, from the command table."""

from homelab_tui.commands import COMMANDS, Command
from homelab_tui.config.keymap import shown_key

PLACES = ((None, "Everywhere"), ("nodes", "Nodes"), ("keys", "Keys"), ("jobs", "Jobs"), ("log", "A log"))

INTRODUCTION = """\
# Keys and commands

Every command is in the palette (`:` or `ctrl+p`) by its name. Keys are remapped by id, in the configuration:

```toml
[ui]
keymap = { "jobs.delete" = "ctrl+d", "app.filter" = "ctrl+f,slash" }
```

Keys are letters, `ctrl+d`, `f5`, or names like `slash`; several are comma separated, `""` takes a command its keys.
In one pane a key means one thing. `!` marks what changes the world: it is refused with `read_only = true`.

<!-- Made by scripts/generate_docs.py from src/homelab_tui/commands.py: edit that, then `make docs`. -->
"""


def keys_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_section(title, _commands(pane)) for pane, title in PLACES)])


def key_table() -> str:
    """The short form for the README: where, and what."""
    lines = ["| where | keys |", "|---|---|"]
    for pane, title in PLACES:
        parts = [f"{_keys(command)} {_lowered(command.label)}" for command in _commands(pane) if command.keys]
        lines.append(f"| {title} | {' · '.join(parts)} |")
    return "\n".join(lines)


def _commands(pane: str | None) -> list[Command]:
    return [command for command in COMMANDS if command.pane == pane]


def _section(title: str, commands: list[Command]) -> str:
    lines = [f"## {title}", "", "| key | | what it does | id | the same on the command line |", "|---|---|---|---|---|"]
    for command in commands:
        cli = f"`homelab {command.cli}`".replace("|", "\\|") if command.cli else ""
        mark = "!" if command.danger else ""
        lines.append(f"| {_keys(command)} | {mark} | {command.help} | `{command.id}` | {cli} |")
    return "\n".join([*lines, ""])


def _keys(command: Command) -> str:
    return " ".join(f"`{shown_key(key)}`" for key in command.keys)


def _lowered(label: str) -> str:
    """The label inside a sentence; YAML and PoE stay as they are."""
    return label if label[1:2].isupper() else label[0].lower() + label[1:]
