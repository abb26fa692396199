"""The grammar of the command line."""

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from homelab_tui import __version__

Run = Callable[[argparse.Namespace], int]

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options, with `run` set to what carries them out. Exits 2 on bad usage."""
    return _parser().parse_args(argv)


def _lazily(module: str, function: str) -> Run:
    """The function of a sibling module, imported when it is called: start-up stays light."""

    def run(options: argparse.Namespace) -> int:
        chosen: Run = getattr(importlib.import_module(f"homelab_tui.cli.{module}"), function)
        return chosen(options)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="homelab",
        description="One terminal screen for a home cluster: its hardware, its SSH keys and its failed Jobs.",
        epilog="Without a command: the dashboard.",
    )
    parser.add_argument("--config", metavar="FILE", help="configuration (else HOMELAB_CONFIG, else the XDG place)")
    parser.add_argument("--version", action="version", version=f"homelab {__version__}")
    parser.set_defaults(run=_lazily("dashboard", "run"), json=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_init(commands)
    _add_check(commands)
    _add_nodes(commands)
    _add_poe(commands)
    _add_keys(commands)
    _add_jobs(commands)
    return parser


def _add(commands: "Subparsers", name: str, text: str, run: Run) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    # SUPPRESS: an option after the subcommand must not overwrite, with its default, one given before it.
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
    parser.set_defaults(run=run)
    return parser


def _add_confirming(parser: argparse.ArgumentParser, *, dry_run: bool = True) -> None:
    parser.add_argument("--yes", action="store_true", help="confirm the plan")
    parser.add_argument("--confirm", metavar="NAME", help="the name that a dangerous plan wants typed")
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")


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


def _add_check(commands: "Subparsers") -> None:
    check = _add(commands, "check", "ask every source that the configuration promises", _lazily("check", "run"))
    check.add_argument("--nodes", action="store_true", help="every node over SSH too")


def _add_nodes(commands: "Subparsers") -> None:
    nodes = _add(commands, "nodes", "the boxes: declared and measured, health, power", _lazily("nodes", "listing"))
    nodes.add_argument("--no-probe", action="store_true", help="only look whether they answer")


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
        action.set_defaults(verb=verb)
        _add_confirming(action)


def _add_keys(commands: "Subparsers") -> None:
    keys = _add(commands, "keys", "SSH public keys against nodes", _lazily("keys", "listing"))
    verbs = keys.add_subparsers(title="actions", metavar="ACTION")
    push = _add(verbs, "push", "put a key on nodes, and prove it", _lazily("keys", "push"))
    push.add_argument("key", metavar="KEY", help="a .pub path, SHA256:…, a unique comment or file stem")
    where = push.add_mutually_exclusive_group(required=True)
    where.add_argument("--node", metavar="NODE", action="append", help="a node, or user@node; may be repeated")
    where.add_argument("--all", action="store_true", help="every node of the configuration")
    push.add_argument("--fingerprint", metavar="SHA256:…", help="trust an unknown host key that shows this")
    push.add_argument("--password-file", metavar="F", help="login password for accounts that no key opens yet")
    push.add_argument("--password-env", metavar="V", help="the same from an environment variable")
    _add_confirming(push)
    trust = _add(verbs, "trust", "accept the host key of a node", _lazily("keys", "trust"))
    trust.add_argument("node", metavar="NODE")
    trust.add_argument("--fingerprint", metavar="SHA256:…", help="the fingerprint that was compared on the console")
    _add_confirming(trust, dry_run=False)


def _add_jobs(commands: "Subparsers") -> None:
    jobs = _add(commands, "jobs", "CronJobs and Jobs, the failed ones first", _lazily("jobs", "listing"))
    _add_job_filters(jobs, default=None)
    jobs.add_argument("--failed", action="store_true", help="failed and failing Jobs only")
    verbs = jobs.add_subparsers(title="actions", metavar="ACTION")
    delete = _add(verbs, "delete", "delete Jobs with their Pods", _lazily("jobs", "delete"))
    delete.add_argument("jobs", metavar="JOB", nargs="*", help="NS/NAME, or CLUSTER/NS/NAME")
    delete.add_argument("--failed", action="store_true", help="every failed Job")
    delete.add_argument("--recovered", action="store_true", help="failed Jobs whose CronJob succeeded since")
    delete.add_argument("--older-than", metavar="24h", help="narrows --failed and --recovered")
    delete.add_argument(
        "--propagation",
        choices=("background", "foreground", "orphan"),
        default="background",
        help="what becomes of the Pods",
    )
    delete.add_argument("--force", action="store_true", help="also Jobs that have not finished")
    _add_job_filters(delete, default=argparse.SUPPRESS)
    _add_confirming(delete)
    for verb, text in (
        ("logs", "the log of the Pod that failed"),
        ("events", "events of a Job"),
        ("yaml", "a Job as YAML"),
    ):
        show = _add(verbs, verb, text, _lazily("jobs", verb))
        show.add_argument("job", metavar="JOB", help="NS/NAME, or CLUSTER/NS/NAME")


def _add_job_filters(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    parser.add_argument("--namespace", metavar="NS", default=default, help="only this namespace")
    parser.add_argument("--cluster", metavar="C", default=default, help="only this cluster")
