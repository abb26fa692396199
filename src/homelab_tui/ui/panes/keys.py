"""The Keys pane: my public keys against the accounts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from homelab_tui.domain.keys import HostKeyState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import LabState
from homelab_tui.engine.keys import PushAnswers, changed_host_key
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.store import entry
from homelab_tui.present import keys as present
from homelab_tui.present.plans import results_sentence
from homelab_tui.present.table import Column, Row
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.pane import Pane
from homelab_tui.ui.screens.confirm import ConfirmScreen
from homelab_tui.ui.screens.password import PasswordScreen
from homelab_tui.ui.screens.pick import PickScreen
from homelab_tui.ui.screens.trust import TrustScreen

_UNMET = (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE)


class KeysPane(Pane):
    """One table: accounts, a column for each key of mine."""

    noun = "keys"
    title = "2 Keys"
    columns = present.columns(())
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("keys")]

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Keys, accounts, host keys; not the ages of readings."""
        return (
            before.my_keys != after.my_keys
            or before.host_keys != after.host_keys
            or before.operations != after.operations
            or [(r.value, r.problem) for _, r in before.accounts] != [(r.value, r.problem) for _, r in after.accounts]
        )

    def columns_of(self, state: LabState) -> tuple[Column, ...]:
        """One column a key."""
        return present.columns(state.my_keys)

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """Accounts."""
        return present.rows(state, now)

    def empty_of(self, state: LabState, now: datetime) -> str:
        """Only when nothing is configured."""
        return "No [[nodes]] are configured."

    def summary_of(self, state: LabState) -> str:
        """How many keys are mine, and how many accounts hold one nobody knows."""
        mine = {key.fingerprint for key in state.my_keys}
        strange = sum(
            any(cell.fingerprint not in mine for cell in reading.value.cells)
            for _, reading in state.accounts
            if reading.value
        )
        return f" ({strange} with unknown keys)" if strange else ""

    def why_not(self, command_id: str) -> str | None:
        """Pushing needs a key and a node; trusting needs a node that was never met."""
        lab = self.lab
        if lab is None:
            return "the lab is starting"
        if lab.config.safety.read_only and command_id in ("keys.push", "keys.trust"):
            return "read-only: [safety] read_only = true"
        nodes = self._chosen(lab)
        if not nodes:
            return "there is no node under the cursor"
        if command_id == "keys.push" and not lab.store.state.my_keys:
            return "no key of mine was found: [keys] paths, ~/.ssh/id_*.pub or the agent"
        if command_id == "keys.trust":
            host_key = entry(lab.store.state.host_keys, nodes[0].account)
            if host_key is None or host_key.state not in _UNMET:
                return f"the host key of {nodes[0].name} is {host_key.state.value if host_key else 'not read yet'}"
        return None

    def command_line(self) -> str | None:
        """`homelab keys push KEY --node …`."""
        lab = self.lab
        nodes = self._chosen(lab) if lab else []
        if lab is None or not nodes or not lab.store.state.my_keys:
            return "homelab keys"
        where = " ".join(f"--node {node.account}" for node in nodes)
        key = lab.store.state.my_keys[0]
        return f"homelab keys push {key.path or key.fingerprint} {where}"

    def _chosen(self, lab: Lab) -> list[Node]:
        names = {key.partition(":")[2] for key in self.chosen_keys()}
        return [node for node in lab.config.nodes if node.account in names]

    def action_push_key(self) -> None:
        """Put a key on the chosen nodes."""
        self._push()

    def action_trust_host_key(self) -> None:
        """Meet the node under the cursor."""
        self._trust()

    @work(group="keys.push", exit_on_error=False)
    async def _push(self) -> None:
        lab, why = self.lab, self.why_not("keys.push")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        nodes = self._chosen(lab)
        key = await self._pick_key(lab)
        if key is None:
            return
        nodes = await self._meet(lab, nodes)
        if not nodes or not await self.app.push_screen_wait(
            ConfirmScreen(lab.keys.plan_push(lab.store.state, key, nodes))
        ):
            return
        results = await self._push_to(lab, nodes, key, PushAnswers())
        results = await self._again_with_password(lab, nodes, key, results)
        failed = [f"account:{result.target}" for result in results if not result.ok]
        self.table.select(failed)
        tell_results(self, results_sentence("pushed and proven", results), results)

    async def _push_to(
        self, lab: Lab, nodes: Sequence[Node], key: PublicKey, answers: PushAnswers
    ) -> tuple[Result, ...]:
        return tuple(await asyncio.gather(*(lab.keys.push(node, key, answers) for node in nodes)))

    async def _again_with_password(
        self, lab: Lab, nodes: Sequence[Node], key: PublicKey, results: tuple[Result, ...]
    ) -> tuple[Result, ...]:
        """Ask once for the accounts that no key opens but a password would, and try those again."""
        closed = [node for node in nodes if lab.keys.wants_password(node)]
        if not closed:
            return results
        password = await self.app.push_screen_wait(PasswordScreen(tuple(node.account for node in closed)))
        if password is None:
            return results
        again = await self._push_to(lab, closed, key, PushAnswers(password=password))
        by_target = {result.target: result for result in (*results, *again)}
        return tuple(by_target[node.account] for node in nodes)

    async def _pick_key(self, lab: Lab) -> PublicKey | None:
        keys = lab.store.state.my_keys
        if len(keys) == 1:
            return keys[0]
        options = tuple((key.fingerprint, f"{present.key_name(key)}  {key.type}  {key.fingerprint}") for key in keys)
        picked = await self.app.push_screen_wait(PickScreen("Push which key?", options))
        return next((key for key in keys if key.fingerprint == picked), None)

    async def _meet(self, lab: Lab, nodes: Sequence[Node]) -> list[Node]:
        """Decide unknown host keys, one after the other, before anything is sent; who is rejected is left out."""
        met = []
        for node in nodes:
            host_key = entry(lab.store.state.host_keys, node.account)
            if host_key is not None and host_key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
                tell(self, changed_host_key(node, host_key), severity="error")
                continue
            if host_key is not None and host_key.state in _UNMET:
                if not await self.app.push_screen_wait(TrustScreen(node, host_key)):
                    continue
                result = await lab.keys.trust(node, host_key.fingerprint)
                if not result.ok:
                    tell(self, f"{node.name}: {result.detail}", severity="error")
                    continue
            met.append(node)
        return met

    @work(group="keys.trust", exit_on_error=False)
    async def _trust(self) -> None:
        lab, why = self.lab, self.why_not("keys.trust")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        node = self._chosen(lab)[0]
        host_key = entry(lab.store.state.host_keys, node.account)
        if host_key is None:
            return
        compared = await self.app.push_screen_wait(TrustScreen(node, host_key))
        if compared:
            result = await lab.keys.trust(node, host_key.fingerprint)
            tell_results(self, f"{result.target}: {result.detail}", (result,))
