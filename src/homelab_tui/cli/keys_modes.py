"""`homelab keys modes`: what others may write to, so that sshd ignores the keys, taken from them."""

import argparse
import asyncio
from collections.abc import Sequence

from homelab_tui.cli.acting import carry_out
from homelab_tui.cli.confirming import ask_secret, can_ask, password_of
from homelab_tui.cli.keys import chosen_nodes, meet_hosts, unasked
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.key_modes import is_unread, loose_of, settled
from homelab_tui.engine.lab import Lab


def modes(options: argparse.Namespace) -> int:
    """`homelab keys modes (--node NODE)... | --all`."""
    password = password_of(options)

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        unread, given = await _looked(lab, nodes, password)
        state = lab.store.state
        wanted = {node.account: loose_of(state, node).paths for node in nodes}
        due = [node for node in nodes if wanted[node.account]]
        others = [unread.get(n.account) or settled(state, n) for n in nodes if not wanted[n.account]]
        plan = lab.key_modes.plan(state, due)

        async def act(node: Node) -> Result:
            return await lab.key_modes.mend(node, wanted[node.account], given)

        if options.dry_run:
            would = [*(_would(plan, node) for node in due), *others]
            return print_results(would, as_json=options.json, dry_run=True)
        return await carry_out(options, plan, due, lambda node: node.account, act, others)

    return run_with_lab(options.config, command)


async def _looked(lab: Lab, nodes: Sequence[Node], password: Secret | None) -> tuple[dict[str, Result], Secret | None]:
    """Look at accounts that no key opens, with the password; asked for where a person is there. Who stayed shut."""

    async def look(closed: Sequence[Node], secret: Secret | None) -> list[Result]:
        looks = await asyncio.gather(*(lab.key_modes.look(node, secret) for node in closed))
        return [result for result in looks if result is not None]

    unread = await look([node for node in nodes if is_unread(lab.store.state, node)], password)
    closed = [node for node in nodes if lab.key_modes.wants_password(node)]
    if closed and password is None and can_ask():
        password = ask_secret(f"Password for {', '.join(node.account for node in closed)}: ")
        again = await look(closed, password)
        names = {node.account for node in closed}
        unread = [*(result for result in unread if result.target not in names), *again]
    return {result.target: result for result in unread}, password


def _would(plan: Plan, node: Node) -> Result:
    if plan.refusals:
        return Result(node.account, ok=False, changed=False, detail="; ".join(plan.refusals))
    words = ", ".join(step.text for step in plan.steps if step.target == node.account)
    return Result(node.account, ok=True, changed=True, detail=f"would do: chmod go-w {words}")
