"""Every command of the program, once: bindings, footer, palette, help screen, `docs/keys.md` and keymap come from here.

This module knows no Textual. An id is never renamed once released: users remap by it.
"""

from homelab_tui.domain.values import Frozen


class Command(Frozen):
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
    """nodes, keys or jobs; log: the screen of a log; None: everywhere."""
    danger: bool = False
    """It changes the world; it is refused in read-only mode."""
    cli: str | None = None
    """The subcommand that does the same."""


COMMANDS: tuple[Command, ...] = (
    Command("app.pane-nodes", ("1",), "show_pane('nodes')", "Nodes", "Show the Nodes pane.", cli="nodes"),
    Command("app.pane-keys", ("2",), "show_pane('keys')", "Keys", "Show the Keys pane.", cli="keys"),
    Command("app.pane-jobs", ("3",), "show_pane('jobs')", "Jobs", "Show the Jobs pane.", cli="jobs"),
    Command("app.next-pane", ("tab",), "next_pane", "Next pane", "Go to the next pane."),
    Command(
        "app.filter",
        ("slash",),
        "filter",
        "Filter",
        "Show only rows that contain what you type; find it in a log.",
    ),
    Command("app.back", ("escape",), "back", "Back", "Clear the filter or the selection, or close the screen."),
    Command("table.select", ("space",), "toggle_select", "Select", "Select the row under the cursor, or not."),
    Command("table.select-all", ("a",), "select_all", "All", "Select all rows shown."),
    Command("table.open", ("enter",), "activate", "Details", "Show everything that is known of the row."),
    Command("table.sort", ("o",), "cycle_sort", "Sort", "Sort by the next column."),
    Command("app.copy", ("Y",), "copy_command", "Copy command", "Copy the command line that does the same."),
    Command(
        "app.incidents",
        ("exclamation_mark",),
        "incidents",
        "Incidents",
        "Show everything that is wrong, with the node, the port and the Jobs that belong together.",
        cli="incidents",
    ),
    Command(
        "app.timeline",
        ("T",),
        "timeline",
        "Time line",
        "Show what happened in the last day: Jobs, alerts, boots, and what was done here, in one order.",
    ),
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
        "nodes.wake",
        ("w",),
        "wake_nodes",
        "Wake",
        "Send a magic packet (wake-on-LAN) to the selected nodes, and follow them until they answer.",
        pane="nodes",
        danger=True,
        cli="nodes wake NODE",
    ),
    Command(
        "nodes.reboot",
        ("b",),
        "reboot_nodes",
        "Reboot",
        "Reboot the selected nodes over SSH, and follow them until they answer as another boot.",
        pane="nodes",
        danger=True,
        cli="nodes reboot NODE",
    ),
    Command(
        "nodes.cordon",
        ("k",),
        "toggle_cordon",
        "Cordon",
        "Keep new Pods away from the selected nodes, or let them come again.",
        pane="nodes",
        danger=True,
        cli="nodes cordon|uncordon NODE",
    ),
    Command(
        "nodes.drain",
        ("n",),
        "drain_nodes",
        "Drain",
        "Cordon the selected nodes and evict their Pods, as PodDisruptionBudgets allow.",
        pane="nodes",
        danger=True,
        cli="nodes drain NODE",
    ),
    Command(
        "nodes.rolling",
        ("B",),
        "rolling_restart",
        "Rolling restart",
        "Restart the selected nodes one after the other: cordon, drain, reboot, wait for Ready, uncordon.",
        pane="nodes",
        danger=True,
        cli="nodes rolling NODE",
    ),
    Command(
        "nodes.shell",
        ("S",),
        "open_shell",
        "Shell",
        "Open a shell on the node; the dashboard comes back when it ends.",
        pane="nodes",
    ),
    Command(
        "nodes.compare",
        ("equals_sign",),
        "compare_nodes",
        "Compare",
        "Show the selected nodes, or the one under the cursor and its twins, side by side, and where they differ.",
        pane="nodes",
        cli="nodes compare NODE",
    ),
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
        "keys.revoke",
        ("x",),
        "revoke_key",
        "Revoke key",
        "Take a key off the selected nodes, a stranger's too, and prove that it opens nothing any more. "
        "Another account's last usable line goes only where you choose so.",
        pane="keys",
        danger=True,
        cli="keys revoke KEY --node NODE",
    ),
    Command(
        "keys.rotate",
        ("r",),
        "rotate_key",
        "Rotate key",
        "Replace one of my keys by another: add it, prove it, and only then remove the old one.",
        pane="keys",
        danger=True,
        cli="keys rotate OLD NEW --node NODE",
    ),
    Command(
        "keys.undo",
        ("u",),
        "undo_write",
        "Undo",
        "Put authorized_keys back as it was before our last write, if nobody wrote to it since.",
        pane="keys",
        danger=True,
        cli="keys undo NODE",
    ),
    Command(
        "keys.generate",
        ("g",),
        "generate_key",
        "New key",
        "Make a new key pair on this machine; an existing file is never overwritten.",
        pane="keys",
        danger=True,
        cli="keys generate --name N",
    ),
    Command(
        "keys.harden",
        ("h",),
        "harden_sshd",
        "Harden",
        "Let only keys in: sshd told so, a rollback armed on the node, a fresh login proven, one node at a time.",
        pane="keys",
        danger=True,
        cli="keys harden --node NODE",
    ),
    Command(
        "keys.prepare",
        ("n",),
        "prepare_nodes",
        "Prepare",
        "Prepare nodes for kubespray: sudo without a password, a user of its own, the nodes' names in /etc/hosts.",
        pane="keys",
        danger=True,
        cli="keys sudo|hosts --node NODE",
    ),
    Command(
        "keys.modes",
        ("M",),
        "mend_modes",
        "Modes",
        "Take others' right to write (chmod go-w) from what makes sshd ignore the keys, and prove it by a fresh login.",
        pane="keys",
        danger=True,
        cli="keys modes --node NODE",
    ),
    Command(
        "keys.shell",
        ("S",),
        "open_shell",
        "Shell",
        "Open a shell on the node; the dashboard comes back when it ends.",
        pane="keys",
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
        "jobs.expire",
        ("x",),
        "expire_jobs",
        "Expire in…",
        "Let the selected finished Jobs go by themselves, with their logs, in 1 h, 24 h or 7 days.",
        pane="jobs",
        danger=True,
        cli="jobs expire JOB --in 24h",
    ),
    Command(
        "jobs.rerun",
        ("r",),
        "rerun_jobs",
        "Re-run",
        "Run the selected Jobs once more: a new run of their CronJob, or a copy of a Job that has none.",
        pane="jobs",
        danger=True,
        cli="jobs rerun JOB",
    ),
    Command(
        "jobs.trigger",
        ("t",),
        "trigger_cronjobs",
        "Trigger",
        "Run the selected CronJobs now.",
        pane="jobs",
        danger=True,
        cli="jobs trigger CRONJOB",
    ),
    Command(
        "jobs.suspend",
        ("s",),
        "suspend_cronjobs",
        "Suspend",
        "Suspend the selected CronJobs, or resume them when all are suspended.",
        pane="jobs",
        danger=True,
        cli="jobs suspend|resume CRONJOB",
    ),
    Command(
        "jobs.silence",
        ("m",),
        "silence_jobs",
        "Mute",
        "Silence the alert of the selected Jobs in Alertmanager, or end our silence of them.",
        pane="jobs",
        danger=True,
        cli="jobs silence JOB --for 2h",
    ),
    Command(
        "jobs.limits",
        ("L",),
        "limit_cronjobs",
        "Limits",
        "Set how many finished Jobs the selected CronJobs keep and how long: the lasting cure.",
        pane="jobs",
        danger=True,
        cli="jobs limits CRONJOB",
    ),
    Command(
        "jobs.completed", ("f",), "toggle_completed", "Finished", "Show or hide the Jobs that ended well.", pane="jobs"
    ),
    Command(
        "jobs.logs",
        ("l",),
        "job_logs",
        "Logs",
        "Show the log of the Pod that failed, and of the others; follow it, search in it, save it.",
        pane="jobs",
        cli="jobs logs JOB",
    ),
    Command(
        "log.follow",
        ("f",),
        "toggle_follow",
        "Follow",
        "Show what is written from now on, attempt after attempt, until the Job has ended; or stop that.",
        pane="log",
        cli="jobs logs JOB --follow",
    ),
    Command("log.next", ("n",), "next_match", "Next", "Go to the next line with what was searched (/).", pane="log"),
    Command("log.last", ("N",), "last_match", "Before", "Go to the line with it before this one.", pane="log"),
    Command(
        "log.save",
        ("s",),
        "save_log",
        "Save",
        "Write what is shown to a new private file in the state directory.",
        pane="log",
        cli="jobs logs JOB --output FILE",
    ),
    Command(
        "log.container",
        ("c",),
        "next_container",
        "Container",
        "Show the log of the next container or Pod, init containers too.",
        pane="log",
        cli="jobs logs JOB --container C",
    ),
    Command(
        "log.previous",
        ("p",),
        "previous_container",
        "Before restart",
        "Show what the container said before its restart, or after it.",
        pane="log",
        cli="jobs logs JOB --previous",
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
