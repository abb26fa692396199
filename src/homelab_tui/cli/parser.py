"""The grammar of the command line."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from homelab_tui import __version__
from homelab_tui.cli.grammar import add as _add
from homelab_tui.cli.grammar import add_confirming as _add_confirming
from homelab_tui.cli.grammar import lazily as _lazily
from homelab_tui.cli.jobs_grammar import add_jobs
from homelab_tui.cli.keys_grammar import add_keys

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, with `run` set to what carries them out. Exits 2 on bad usage."""
    parser = _parser()
    if not _means_the_dashboard(argv):  # which need not wait until every command's grammar is made
        _add_commands(parser)
    return parser.parse_args(argv)


def _means_the_dashboard(argv: Sequence[str]) -> bool:
    words = len(argv)
    return not words or (words == 2 and argv[0] == "--config") or (words == 1 and argv[0].startswith("--config="))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="homelab",
        description="One terminal screen for a home cluster: its hardware, its SSH keys and its failed Jobs.",
        epilog="Without a command: the dashboard.",
    )
    parser.add_argument("--config", metavar="FILE", help="configuration (else HOMELAB_CONFIG, else the XDG place)")
    parser.add_argument("--version", action="version", version=f"homelab {__version__}")
    parser.set_defaults(run=_lazily("dashboard", "run"), json=False)
    return parser


def _add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_init(commands)
    _add_check(commands)
    _add_nodes(commands)
    _add_poe(commands)
    add_keys(commands)
    add_jobs(commands)
    _add(commands, "incidents", "what is wrong: hardware, keys and Jobs, joined", _lazily("incidents", "listing"))
    _add_watch(commands)
    _add_rules(commands)
    _add_export(commands)
    report = _add(commands, "report", "the whole lab as one Markdown page", _lazily("report", "run"))
    report.add_argument("--output", metavar="F", help="where to write (default: stdout)")
    report.add_argument("--force", action="store_true", help="overwrite an existing file")


def _add_demo(commands: "Subparsers") -> None:
    demo = commands.add_parser(
        "demo", help="the dashboard on an embedded lab", description="A lab of its own on 127.0.0.1."
    )
    demo.add_argument(
        "--fault",
        metavar="SPEC",
        action="append",
        default=[],
        help="server:target=fault, e.g. ssh:rpi03=hang, prometheus=503",
    )
    demo.add_argument("--headless", action="store_true", help="start the lab alone")
    demo.add_argument("--write-config", metavar="FILE", help="with --headless: write a configuration for it")
    demo.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # end when that process does
    demo.set_defaults(run=_lazily("demo", "run"))


def _add_init(commands: "Subparsers") -> None:
    init = _add(commands, "init", "write a first configuration from what is there", _lazily("init", "run"))
    init.add_argument("--from-kubespray", metavar="F", help="a kubespray inventory, INI or YAML")
    init.add_argument("--from-hosts", metavar="F", help="a hosts file")
    init.add_argument("--from-ssh-config", metavar="F", help="an OpenSSH client configuration")
    init.add_argument("--kubeconfig", metavar="F", help="a kubeconfig, or several joined by ':': each cluster in it")
    init.add_argument("--output", metavar="F", help="where to write (default: the XDG place); - for stdout")
    init.add_argument("--force", action="store_true", help="overwrite an existing file")


def _add_watch(commands: "Subparsers") -> None:
    watch = _add(commands, "watch", "tell incidents as they come and go; a JSON line each", _lazily("watch", "run"))
    watch.add_argument("--once", action="store_true", help="one look, and out")
    watch.add_argument(
        "--notify",
        metavar="URL",
        action="append",
        default=[],
        help="send the news there as JSON, any number of times; @FILE: the address stands in that file",
    )
    watch.add_argument("--ntfy", action="store_true", help="send as an ntfy server wants it: text, with headers")


def _add_rules(commands: "Subparsers") -> None:
    rules = _add(commands, "rules", "alert rules for Prometheus, with promtool's tests", _lazily("rules", "run"))
    rules.add_argument("--output", metavar="F", help="where to write the rules (default: stdout)")
    rules.add_argument("--test-output", metavar="F", help="where to write unit tests for `promtool test rules`")
    rules.add_argument(
        "--namespace-label",
        metavar="L",
        default="namespace",
        help="exported_namespace, where kube-state-metrics is scraped without honor_labels",
    )
    rules.add_argument("--force", action="store_true", help="overwrite existing files")


def _add_export(commands: "Subparsers") -> None:
    export = _add(commands, "export", "the nodes as other programs want them", _lazily("export", "run"))
    export.add_argument("kind", choices=("hosts", "kubespray", "ansible", "ssh-config"), help="which format")
    export.add_argument("--output", metavar="F", help="where to write (default: stdout)")
    export.add_argument("--force", action="store_true", help="overwrite an existing file")


def _add_check(commands: "Subparsers") -> None:
    check = _add(commands, "check", "ask every source that the configuration promises", _lazily("check", "run"))
    check.add_argument("--nodes", action="store_true", help="every node over SSH too")


def _add_nodes(commands: "Subparsers") -> None:
    nodes = _add(commands, "nodes", "the boxes: declared and measured, health, power", _lazily("nodes", "listing"))
    nodes.add_argument("--no-probe", action="store_true", help="only look whether they answer")
    nodes.add_argument("--updates", action="store_true", help="also ask every package manager what waits (seconds)")
    verbs = nodes.add_subparsers(title="actions", metavar="ACTION")
    compare = _add(verbs, "compare", "twins side by side, and where they differ", _lazily("node_comparing", "listing"))
    compare.add_argument("nodes", metavar="NODE", nargs="*", help="one: it and its twins; several: these; none: all")
    compare.add_argument("--every", action="store_true", help="every field, also those in which they are alike")
    for verb, text in (
        ("wake", "send a magic packet to the declared MAC address, and wait until it answers"),
        ("reboot", "reboot over SSH, and wait until it answers as another boot"),
        ("cordon", "keep new Pods away"),
        ("uncordon", "let Pods come again"),
        ("drain", "cordon, and evict the Pods as their PodDisruptionBudgets allow"),
        ("rolling", "one after the other: cordon, drain, restart, wait for Ready, uncordon"),
    ):
        action = _add(verbs, verb, text, _lazily("node_actions", "act"))
        action.add_argument("nodes", metavar="NODE", nargs="+", help="a node, or user@node")
        action.set_defaults(verb=verb, force=False, cycle=False, drain=False)
        if verb == "reboot":
            action.add_argument("--drain", action="store_true", help="drain first, wait for Ready, and give it back")
        if verb in ("drain", "rolling", "reboot"):
            action.add_argument("--force", action="store_true", help="also Pods that nothing makes anew, or with data")
        if verb == "rolling":
            action.add_argument("--cycle", action="store_true", help="power-cycle the PoE port instead of a reboot")
        _add_confirming(action)


def _add_poe(commands: "Subparsers") -> None:
    poe = _add(commands, "poe", "PoE ports; switch one off, on, or off and on", _lazily("poe", "listing"))
    verbs = poe.add_subparsers(title="actions", metavar="ACTION")
    for verb, text in (
        ("on", "switch a port on"),
        ("off", "switch a port off"),
        ("cycle", "off, on, and wait until the node answers"),
    ):
        action = _add(verbs, verb, text, _lazily("poe", "act"))
        action.add_argument("target", metavar="TARGET", help="a node's name, switch/port, or switch/group/port")
        action.set_defaults(verb=verb, drain=False, force=False)
        if verb == "cycle":
            action.add_argument("--drain", action="store_true", help="drain the node first, and give it back after")
            action.add_argument("--force", action="store_true", help="also Pods that nothing makes anew, or with data")
        _add_confirming(action)
