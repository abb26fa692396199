"""`homelab keys`: the matrix, pushing a key, and first contact."""

import argparse
from collections.abc import Sequence

from homelab_tui.cli.confirming import ask_yes, can_ask, declined
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.keys_listing import print_matrix
from homelab_tui.cli.output import Exit, fail, print_json, print_results, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceError, UsageError
from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.reading import HealthState
from homelab_tui.domain.state import LabState
from homelab_tui.engine.key_steps import changed_host_key
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.nodes import find_node
from homelab_tui.engine.store import entry
from homelab_tui.present.documents import reading_health
from homelab_tui.present.key_documents import keys_document

UNMET = (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE)


def listing(options: argparse.Namespace) -> int:
    """`homelab keys`. An account that could not be read says why; exit 3 only when none could."""

    async def command(lab: Lab) -> int:
        await lab.read(("keys",))
        await lab.read_logins(lab.config.nodes)
        state, now = lab.store.state, lab.clock.now()
        if options.json:
            print_json(keys_document(state, now))
        else:
            print_matrix(state, now)
        words = [reading_health(reading, now) for _, reading in state.accounts]
        if words and all(word.state is HealthState.DOWN for word in words):
            return source_status(words)
        return int(Exit.DONE)

    return run_with_lab(options.config, command)


def chosen_nodes(lab: Lab, options: argparse.Namespace) -> list[Node]:
    """The nodes of `--node NODE` or `--all`, each once. Raises UsageError for one that is not configured."""
    if not lab.config.nodes:
        raise UsageError("no nodes are configured")
    nodes = [find_node(lab.config.nodes, name) for name in options.node or ()] or list(lab.config.nodes)
    return list({node.account: node for node in nodes}.values())


async def meet_hosts(lab: Lab, state: LabState, nodes: Sequence[Node], options: argparse.Namespace) -> list[str]:
    """Decide unknown host keys before anything is sent; returns the questions that could not be asked."""
    questions = []
    for node in nodes:
        host_key = entry(state.host_keys, node.account)
        if host_key is None or host_key.state not in UNMET or options.fingerprint == host_key.fingerprint:
            continue
        what = f"{node.name}: host key {host_key.state.value}: {host_key.key_type} {host_key.fingerprint}"
        if options.fingerprint is not None:
            questions.append(f"{what}, which is not --fingerprint {options.fingerprint}")
        elif can_ask() and not options.dry_run:
            if ask_yes(f"{what}. Compare it on the node's console. Trust it?"):
                await lab.keys.trust(node, host_key.fingerprint)
            else:
                questions.append(f"{what}: not trusted")
        elif not options.dry_run:
            questions.append(f"{what}; compare it, then give --fingerprint {host_key.fingerprint}")
    return questions


def unasked(questions: Sequence[str], options: argparse.Namespace) -> int:
    """Exit 2: nothing was changed, because a host key could not be decided."""
    return fail("nothing was changed: " + "; ".join(questions), Exit.USAGE, as_json=options.json)


def trust(options: argparse.Namespace) -> int:
    """`homelab keys trust NODE [--fingerprint F]`."""

    async def command(lab: Lab) -> int:
        node = find_node(lab.config.nodes, options.node)
        try:
            host_key = await lab.sources.ssh.host_key(node)
        except SourceError as error:
            return print_results([_failed(node, str(error))], as_json=options.json)
        if host_key.state is HostKeyState.TRUSTED:
            done = Result(node.account, ok=True, changed=False, detail=f"already trusted: {host_key.fingerprint}")
            return print_results([done], as_json=options.json)
        if host_key.state not in UNMET:
            return print_results([_failed(node, changed_host_key(node, host_key))], as_json=options.json)
        if not _compared(node, host_key, options):
            return declined()
        return print_results([await lab.keys.trust(node, host_key.fingerprint)], as_json=options.json)

    return run_with_lab(options.config, command)


def _compared(node: Node, host_key: HostKey, options: argparse.Namespace) -> bool:
    """Whether the fingerprint was compared: by the option, or by a person now."""
    from homelab_tui.domain.public_keys import randomart

    if options.fingerprint is not None:
        if options.fingerprint != host_key.fingerprint:
            raise UsageError(
                f"{node.name} shows {host_key.fingerprint}, not {options.fingerprint}: nothing was trusted"
            )
        return True
    if not can_ask():
        raise UsageError(
            f"{node.name} shows {host_key.key_type} {host_key.fingerprint}: compare it, then give --fingerprint"
        )
    tell(f"{node.name} shows {host_key.key_type} {host_key.fingerprint}")
    tell("\n".join(randomart(host_key.blob)))
    tell("On its console: ssh-keygen -lvf /etc/ssh/ssh_host_ed25519_key.pub")
    return ask_yes("Is it the same?")


def _failed(node: Node, detail: str) -> Result:
    return Result(node.account, ok=False, changed=False, detail=detail)
