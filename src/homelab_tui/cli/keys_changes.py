"""`homelab keys undo|revoke|rotate|generate`: what is done to keys after the first push."""

import argparse
import asyncio

from homelab_tui.cli.acting import carry_out
from homelab_tui.cli.confirming import ask_secret, can_ask, secret_of
from homelab_tui.cli.keys import chosen_nodes, meet_hosts, unasked
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.keys import KeyRecipe, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.key_finds import find_unknown
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.nodes import find_node


def undo(options: argparse.Namespace) -> int:
    """`homelab keys undo [NODE]...`: without a node, every one where a write of ours can be undone."""

    async def command(lab: Lab) -> int:
        named = [find_node(lab.config.nodes, name) for name in options.nodes]
        nodes = named or lab.key_changes.undoable(lab.config.nodes)
        if not nodes:
            return print_results([], as_json=options.json, dry_run=options.dry_run)
        plan = lab.key_changes.plan_undo(nodes)
        return await carry_out(options, plan, nodes, _account, lab.key_changes.undo)

    return run_with_lab(options.config, command)


def revoke(options: argparse.Namespace) -> int:
    """`homelab keys revoke KEY (--node NODE)... | --all`. Keys of strangers too, by their fingerprint."""

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        mine = await _own_key(lab, options.key)  # before any node is spoken to: it may be a mistake
        state = await lab.read(("keys",), accounts=nodes)
        key = mine or find_unknown(state, options.key) or PublicKey("key", b"", fingerprint=options.key)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        plan = lab.key_changes.plan_revoke(lab.store.state, key, nodes, options.close)
        if options.dry_run and not plan.refusals:
            would = await asyncio.gather(*(lab.key_changes.preview_revoke(node, key, options.close) for node in nodes))
            return print_results(would, as_json=options.json, dry_run=True)

        async def act(node: Node) -> Result:
            return await lab.key_changes.revoke(node, key, options.close)

        return await carry_out(options, plan, nodes, _account, act)

    return run_with_lab(options.config, command)


async def _own_key(lab: Lab, text: str) -> PublicKey | None:
    """One of mine; None for the fingerprint of a stranger's. Raises UsageError for whatever else is no key of mine."""
    try:
        return await lab.keys.find(text)
    except UsageError:
        if not text.startswith("SHA256:"):
            raise
    return None


def rotate(options: argparse.Namespace) -> int:
    """`homelab keys rotate OLD NEW (--node NODE)... | --all`."""

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        old, new = await lab.keys.find(options.old), await lab.keys.find(options.new)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        plan = lab.key_changes.plan_rotate(lab.store.state, old, new, nodes)
        return await carry_out(options, plan, nodes, _account, lambda node: lab.key_changes.rotate(node, old, new))

    return run_with_lab(options.config, command)


def generate(options: argparse.Namespace) -> int:
    """`homelab keys generate`. The passphrase comes from a file, a variable or the terminal; never from argv."""
    name = options.name if options.name is not None else f"id_{options.type}"
    KeyRecipe(name, options.type, options.comment).demand_plain()  # before a passphrase is asked for
    recipe = KeyRecipe(name, options.type, options.comment, _passphrase(options))

    async def command(lab: Lab) -> int:
        return print_results([await lab.keys.generate(recipe)], as_json=options.json)

    return run_with_lab(options.config, command)


def _passphrase(options: argparse.Namespace) -> Secret | None:
    """None only for `--no-passphrase`. Raises UsageError where nobody can be asked."""
    if options.no_passphrase:
        return None
    given = secret_of(options, "passphrase")
    if given is None:
        if not can_ask():
            raise UsageError(
                "nothing was made: there is no terminal to ask for a passphrase on; give --passphrase-file F, "
                "--passphrase-env V or --no-passphrase"
            )
        given = ask_secret("Passphrase for the new key: ")
        if given != ask_secret("Once more: "):
            raise UsageError("nothing was made: the two passphrases differ")
    if not given.reveal():
        raise UsageError("nothing was made: the passphrase is empty; --no-passphrase makes a key without one")
    return given


def _account(node: Node) -> str:
    return node.account
