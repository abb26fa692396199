"""Every command of the program, once: bindings, footer, palette, help screen, `docs/keys.md` and keymap come from here.

This module knows no Textual. An id is never renamed once released: users remap by it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do in the dashboard."""

    id: str
    """`noun.verb`."""
    keys: tuple[str, ...]
    """Textual's key names; the first is shown."""
    action: str
    """Name of the action method, `action_…` without its prefix."""
    label: str
    """One or two words for the footer."""
    help: str
    """One sentence for the help screen, the palette and the documentation."""
    pane: str | None = None
    """nodes, keys or jobs; None: everywhere."""
    danger: bool = False
    """It changes the world; it is refused in read-only mode."""
    cli: str | None = None
    """The subcommand that does the same."""


COMMANDS: tuple[Command, ...] = (
    Command("app.pane-nodes", ("1",), "show_pane('nodes')", "Nodes", "Show the Nodes pane.", cli="nodes"),
    Command("app.pane-keys", ("2",), "show_pane('keys')", "Keys", "Show the Keys pane.", cli="keys"),
    Command("app.pane-jobs", ("3",), "show_pane('jobs')", "Jobs", "Show the Jobs pane.", cli="jobs"),
    Command("app.next-pane", ("tab",), "next_pane", "Next pane", "Go to the next pane."),
    Command("app.filter", ("slash",), "filter", "Filter", "Show only the rows that contain what you type."),
    Command("app.back", ("escape",), "back", "Back", "Clear the filter or the selection, or close the screen."),
    Command("table.select", ("space",), "toggle_select", "Select", "Select the row under the cursor, or not."),
    Command("table.select-all", ("a",), "select_all", "All", "Select all rows shown."),
    Command("table.open", ("enter",), "activate", "Details", "Show everything that is known of the row."),
    Command("table.sort", ("o",), "cycle_sort", "Sort", "Sort by the next column."),
    Command("app.copy", ("Y",), "copy_command", "Copy command", "Copy the command line that does the same."),
    Command("app.refresh", ("ctrl+r",), "refresh_all", "Refresh", "Ask every source again now."),
    Command("app.palette", ("colon", "ctrl+p"), "command_palette", "Commands", "Find any command by its name."),
    Command("app.help", ("question_mark",), "help", "Help", "Show all keys, and what the words and colours mean."),
    Command("app.restore", ("R",), "restore", "Restore", "Finish what an earlier run left undone (a port left off)."),
    Command("app.theme", (), "change_theme", "Theme", "Choose another theme, dark or light."),
    Command("app.quit", ("q",), "quit", "Quit", "Leave; what must finish is finished first."),
    Command(
        "nodes.cycle",
        ("c",),
        "power_cycle",
        "Power-cycle",
        "Switch the PoE port that feeds the node off and on again, and follow it until it answers.",
        pane="nodes",
        danger=True,
        cli="poe cycle TARGET",
    ),
    Command(
        "nodes.port",
        ("P",),
        "port_power",
        "Port on/off",
        "Switch the PoE port that feeds the node on or off.",
        pane="nodes",
        danger=True,
        cli="poe on|off TARGET",
    ),
    Command("nodes.probe", ("i",), "probe", "Re-probe", "Ask the node again now.", pane="nodes", cli="nodes"),
    Command(
        "keys.push",
        ("p",),
        "push_key",
        "Push key",
        "Put one of my public keys on the selected nodes, and prove each by a fresh login.",
        pane="keys",
        danger=True,
        cli="keys push KEY --node NODE",
    ),
    Command(
        "keys.trust",
        ("t",),
        "trust_host_key",
        "Trust host key",
        "Compare and accept the host key of a node that is met for the first time.",
        pane="keys",
        danger=True,
        cli="keys trust NODE",
    ),
    Command(
        "jobs.delete",
        ("d",),
        "delete_jobs",
        "Delete",
        "Delete the selected Jobs with their Pods: a failed Job alerts until it is gone.",
        pane="jobs",
        danger=True,
        cli="jobs delete JOB",
    ),
    Command(
        "jobs.clear-recovered",
        ("D",),
        "clear_recovered",
        "Clear recovered",
        "Delete the failed Jobs whose CronJob has succeeded since: what pages people for nothing.",
        pane="jobs",
        danger=True,
        cli="jobs delete --recovered",
    ),
    Command(
        "jobs.completed", ("f",), "toggle_completed", "Finished", "Show or hide the Jobs that ended well.", pane="jobs"
    ),
    Command(
        "jobs.logs",
        ("l",),
        "job_logs",
        "Logs",
        "Show the log of the Pod that failed.",
        pane="jobs",
        cli="jobs logs JOB",
    ),
    Command(
        "jobs.events", ("e",), "job_events", "Events", "Show the events of the Job.", pane="jobs", cli="jobs events JOB"
    ),
    Command(
        "jobs.yaml",
        ("v",),
        "job_yaml",
        "YAML",
        "Show the Job as YAML, secrets masked.",
        pane="jobs",
        cli="jobs yaml JOB",
    ),
)
"""Order is the order of footer, help and documentation."""


def by_id(command_id: str) -> Command:
    """The command with that id. Raises KeyError."""
    return next(command for command in COMMANDS if command.id == command_id)


def of_pane(pane: str) -> tuple[Command, ...]:
    """What can be done in one pane, what can be done everywhere not included."""
    return tuple(command for command in COMMANDS if command.pane == pane)
