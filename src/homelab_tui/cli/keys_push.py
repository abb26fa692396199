"""`homelab keys push`: plan, confirm, write, prove; and the passwords that a first push needs."""

import argparse
import asyncio
from collections.abc import Sequence

from homelab_tui.cli.confirming import ask_new_secret, ask_secret, can_ask, confirm, declined, password_of, secret_of
from homelab_tui.cli.keys import chosen_nodes, meet_hosts, unasked
from homelab_tui.cli.output import print_results, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.keys import HostKeyState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.public_keys import key_line
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.key_steps import changed_host_key
from homelab_tui.engine.keys import PushAnswers
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.store import entry, reading_of


def push(options: argparse.Namespace) -> int:
    """`homelab keys push KEY (--node NODE)... | --all`."""
    password, new_password = password_of(options), secret_of(options, "new_password")
    if new_password is not None and not new_password.reveal():
        raise UsageError("nothing was changed: the new password is empty")

    async def command(lab: Lab) -> int:
        nodes = chosen_nodes(lab, options)
        key = await lab.keys.find(options.key)
        answers = PushAnswers(password=password, new_password=new_password, fingerprint=options.fingerprint)
        state = await lab.read(("keys",), accounts=nodes)
        questions = await meet_hosts(lab, state, nodes, options)
        if questions:
            return unasked(questions, options)
        plan = lab.keys.plan_push(lab.store.state, key, nodes)
        if plan.refusals:
            refused = [Result(n.account, ok=False, changed=False, detail="; ".join(plan.refusals)) for n in nodes]
            return print_results(refused, as_json=options.json, dry_run=options.dry_run)
        if options.dry_run:
            would = [_would(lab.store.state, key, node) for node in nodes]
            return print_results(would, as_json=options.json, dry_run=True)
        if not confirm(plan, options):
            return declined()
        results = await _push(lab, nodes, key, answers)
        results = await _with_passwords(lab, nodes, key, answers, results)
        return print_results(results, as_json=options.json)

    return run_with_lab(options.config, command)


async def _push(lab: Lab, nodes: Sequence[Node], key: PublicKey, answers: PushAnswers) -> list[Result]:
    return list(await asyncio.gather(*(lab.keys.push(node, key, answers) for node in nodes)))


async def _with_passwords(
    lab: Lab, nodes: Sequence[Node], key: PublicKey, answers: PushAnswers, results: list[Result]
) -> list[Result]:
    """Where a person is there: ask for the password that opens the rest, and for a new one where it has expired."""
    if not can_ask():
        return results
    done = {result.target: result for result in results}
    closed = [node for node in nodes if lab.keys.wants_password(node)]
    if closed and answers.password is None:
        answers = replace(answers, password=ask_secret(f"Password for {_names(closed)}: "))
        done |= {result.target: result for result in await _push(lab, closed, key, answers)}
    expired = [node for node in nodes if lab.keys.wants_new_password(node)]
    if expired and answers.new_password is None:
        tell(f"The password has expired on {_names(expired)}: these accounts want a new one first.")
        old = answers.password or ask_secret("Their password until now: ")
        new = ask_new_secret("New password for them: ", "nothing more was changed")
        answers = replace(answers, password=old, new_password=new)
        done |= {result.target: result for result in await _push(lab, expired, key, answers)}
    return [done[node.account] for node in nodes]


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.account for node in nodes)


def _would(state: LabState, key: PublicKey, node: Node) -> Result:
    """What a push would do to one account, from what was just read."""
    reading = reading_of(state.accounts, node.account)
    host_key = entry(state.host_keys, node.account)
    if host_key is not None and host_key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
        return Result(node.account, ok=False, changed=False, detail=changed_host_key(node, host_key))
    if reading.value is None:
        return Result(node.account, ok=False, changed=False, detail=reading.problem or "not read")
    cells = [cell for cell in reading.value.cells if cell.fingerprint == key.fingerprint]
    if cells:
        return Result(node.account, ok=True, changed=False, detail=f"line {cells[0].line}: {cells[0].state.value}")
    line = key_line(key).decode("utf-8", "replace")
    where = f"after its {len(reading.value.cells)} keys" if reading.value.cells else "as its first key"
    return Result(node.account, ok=True, changed=True, detail=f"would add {where}: + {line}")
