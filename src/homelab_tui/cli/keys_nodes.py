"""`homelab keys harden|sudo|hosts`: what is done to nodes as root."""

import argparse
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
from homelab_tui.engine.lab import Lab

Act = Callable[[Node, Secret | None], Awaitable[Result]]


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

        async def act(node: Node, secret: Secret | None) -> Result:
            if options.user is not None:
                return await administration.user(node, request, secret, undo=options.undo)
            return await administration.sudo(node, secret, undo=options.undo)

        return await _carried_out(lab, options, plan, nodes, act, password)

    return run_with_lab(options.config, command)


def hosts(options: argparse.Namespace) -> int:
    """`homelab keys hosts (--node NODE)... | --all [--undo]`."""
    password = secret_of(options, "sudo_password")

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        entries = () if options.undo else await lab.administration.hosts_entries()
        plan = lab.administration.plan_hosts(nodes, entries, undo=options.undo)

        async def act(node: Node, secret: Secret | None) -> Result:
            return await lab.administration.hosts(node, entries, secret)

        return await _carried_out(lab, options, plan, nodes, act, password)

    return run_with_lab(options.config, command)


async def _carried_out(
    lab: Lab, options: argparse.Namespace, plan: Plan, nodes: Sequence[Node], act: Act, password: Secret | None
) -> int:
    """Confirm and act. Where sudo wants a password and a person is there, it is asked for, once for all."""
    asked: list[Secret] = []

    async def with_password(node: Node) -> Result:
        secret = password or (asked[0] if asked else None)
        result = await act(node, secret)
        if result.ok or secret is not None or not lab.administration.wants_sudo_password(node) or not can_ask():
            return result
        if not asked:
            asked.append(ask_secret("Password for sudo on the nodes: "))
        return await act(node, asked[0])

    return await carry_out(options, plan, nodes, _account, with_password)


async def _never(_node: Node) -> Result:
    raise AssertionError("a plan that is only shown, or refused, is not carried out")


def _account(node: Node) -> str:
    return node.account
