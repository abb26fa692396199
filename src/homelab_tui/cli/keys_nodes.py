"""`homelab keys harden|sudo|hosts`: what is done to nodes as root."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence

from homelab_tui.cli.acting import carry_out
from homelab_tui.cli.confirming import ask_secret, can_ask, confirm, declined, secret_of
from homelab_tui.cli.keys import chosen_nodes, meet_hosts, unasked
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.keys import AdminUser
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.administration import HERE
from homelab_tui.engine.lab import Lab


def harden(options: argparse.Namespace) -> int:
    """`homelab keys harden (--node NODE)... | --all [--undo]`: one node at a time, the jump host last."""

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        administration = lab.administration
        plan = administration.plan_harden(lab.store.state, nodes, undo=options.undo)
        if options.dry_run or plan.refusals:
            ordered = administration.in_order(nodes)
            return await carry_out(options, plan, ordered, _account, _never)
        if not confirm(plan, options):
            return declined()
        return print_results(await administration.harden(nodes, undo=options.undo), as_json=options.json)

    return run_with_lab(options.config, command)


def sudo(options: argparse.Namespace) -> int:
    """`homelab keys sudo (--node NODE)... | --all [--user U [--create] [--key KEY]] [--undo]`."""
    if options.user is None and (options.create or options.key is not None):
        raise UsageError("--create and --key say more about --user; name one. Nothing was changed")
    password = secret_of(options, "sudo_password")

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        administration = lab.administration
        if options.user is not None:
            key = None if options.key is None else await lab.keys.find(options.key)
            request = AdminUser(options.user, create=options.create, key=key)
            plan = administration.plan_user(nodes, request, undo=options.undo)
        else:
            plan = administration.plan_sudo(lab.store.state, nodes, undo=options.undo)

        async def act(node: Node | None, secret: Secret | None) -> Result:
            if node is None:
                raise AssertionError("sudo is for nodes")
            if options.user is not None:
                return await administration.user(node, request, secret, undo=options.undo)
            return await administration.sudo(node, secret, undo=options.undo)

        return await _carried_out(lab, options, plan, nodes, act, password)

    return run_with_lab(options.config, command)


def hosts(options: argparse.Namespace) -> int:
    """`homelab keys hosts (--node NODE)... | --all, --here, --bastion [--undo]`."""
    password = secret_of(options, "sudo_password")
    if not (options.node or options.all or options.here or options.bastion):
        raise UsageError("name at least one of --node NODE, --all, --here and --bastion. Nothing was changed")

    async def command(lab: Lab) -> int:
        nodes = _hosts_nodes(lab, options)
        state = await lab.read(("keys",), accounts=nodes) if nodes else lab.store.state
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        entries = () if options.undo else await lab.administration.hosts_entries()
        plan = lab.administration.plan_hosts(nodes, entries, here=options.here, undo=options.undo)

        async def act(node: Node | None, secret: Secret | None) -> Result:
            if node is None:
                return await lab.administration.hosts_here(entries, secret)
            return await lab.administration.hosts(node, entries, secret)

        return await _carried_out(lab, options, plan, [*nodes, *([None] if options.here else [])], act, password)

    return run_with_lab(options.config, command)


def _hosts_nodes(lab: Lab, options: argparse.Namespace) -> list[Node]:
    """The nodes that are named, and the jump host; each once. Raises UsageError where there is no jump host."""
    nodes = chosen_nodes(lab, options) if options.node or options.all else []
    if options.bastion:
        bastion = lab.administration.bastion()
        if bastion is None:
            raise UsageError("the configuration names no jump host: [ssh] bastion. Nothing was changed")
        nodes += [] if bastion.account in {node.account for node in nodes} else [bastion]
    return nodes


async def _carried_out(
    lab: Lab,
    options: argparse.Namespace,
    plan: Plan,
    nodes: Sequence[Node | None],
    act: Callable[[Node | None, Secret | None], Awaitable[Result]],
    password: Secret | None,
) -> int:
    """Confirm and act; None is this machine. Where sudo wants a password and a person is there, it is asked for."""
    administration = lab.administration
    asked: dict[bool, Secret] = {}
    """By whether it is for this machine, whose password is another one than the nodes'."""
    asking = asyncio.Lock()

    async def with_password(node: Node | None) -> Result:
        secret = password or asked.get(node is None)
        result = await act(node, secret)
        wants = administration.wants_sudo_password_here() if node is None else administration.wants_sudo_password(node)
        if result.ok or secret is not None or not wants or not can_ask():
            return result
        async with asking:  # one question at a time, and the second node finds the first one's answer
            if (node is None) not in asked:
                asked[node is None] = ask_secret(f"Password for sudo on {HERE if node is None else 'the nodes'}: ")
        return await act(node, asked[node is None])

    return await carry_out(options, plan, nodes, _account, with_password)


async def _never(_node: Node) -> Result:
    raise AssertionError("a plan that is only shown, or refused, is not carried out")


def _account(node: Node | None) -> str:
    return HERE if node is None else node.account
