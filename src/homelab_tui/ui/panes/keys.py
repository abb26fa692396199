"""The Keys pane: my public keys against the accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from homelab_tui.commands import by_id
from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.state import LabState
from homelab_tui.engine.store import entry
from homelab_tui.present import keys as present
from homelab_tui.present.kept_rows import KeptRows
from homelab_tui.present.table import Column, Row
from homelab_tui.ui import screens
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.frame import TITLES
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.keys_base import UNMET, nodes_of
from homelab_tui.ui.panes.keys_changes import KeyChangesPane
from homelab_tui.ui.panes.keys_modes import KeyModesPane
from homelab_tui.ui.panes.keys_nodes import KeyNodesPane
from homelab_tui.ui.panes.keys_push import KeyPushPane
from homelab_tui.ui.shells import open_shell, why_no_shell


class KeysPane(KeyPushPane, KeyChangesPane, KeyNodesPane, KeyModesPane):
    """One table: accounts, a column for each key of mine."""

    noun = "keys"
    title = TITLES["keys"]
    targets = ("account:",)
    columns = present.columns(())
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("keys")]

    def __init__(self) -> None:
        super().__init__()
        self._kept = KeptRows()

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Keys, accounts, host keys; not the ages of readings."""
        return (
            before.my_keys != after.my_keys
            or before.my_keys_problem != after.my_keys_problem
            or before.host_keys != after.host_keys
            or self.other_acts(before, after)
            or before.sightings != after.sightings
            or [r.value for _, r in before.logins] != [r.value for _, r in after.logins]
            or [(r.value, r.problem) for _, r in before.accounts] != [(r.value, r.problem) for _, r in after.accounts]
        )

    def columns_of(self, state: LabState) -> tuple[Column, ...]:
        """One column a key."""
        return present.columns(state.my_keys)

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """Accounts."""
        return present.rows(state, now, self._kept)

    def empty_of(self, state: LabState, now: datetime) -> str:
        """Only when nothing is configured."""
        return "No [[nodes]] are configured."

    def summary_of(self, state: LabState) -> str:
        """How many accounts hold a key nobody knows; first of all, that my own cannot be read."""
        if state.my_keys_problem is not None:
            return f" (MY KEYS CANNOT BE READ: {state.my_keys_problem})"
        mine = {key.fingerprint for key in state.my_keys}
        strange = sum(
            any(cell.fingerprint not in mine for cell in reading.value.all_cells)
            for _, reading in state.accounts
            if reading.value
        )
        return f" ({strange} with unknown keys)" if strange else ""

    def why_not(self, command_id: str) -> str | None:
        """Pushing needs a key and a node; trusting needs a node that was never met."""
        lab = self.lab
        if lab is None:
            return "the lab is starting"
        if lab.config.safety.read_only and by_id(command_id).danger:
            return "read-only: [safety] read_only = true"
        if command_id == "keys.shell":
            return why_no_shell(lab) if len(self.chosen_nodes(lab)) == 1 else "choose one node"
        if command_id == "keys.modes":
            return self.why_no_modes(lab)
        if command_id not in ("keys.push", "keys.trust"):
            return self.why_no_change(lab, command_id)
        nodes = nodes_of(lab, [key for key in self.chosen_keys() if key.startswith("account:")])
        if not nodes:
            return "there is no node under the cursor"
        if command_id == "keys.push" and not lab.store.state.my_keys:
            return lab.store.state.my_keys_problem or (
                "no key of mine was found: [keys] paths, ~/.ssh/id_*.pub or the agent"
            )
        if command_id == "keys.trust":
            host_key = entry(lab.store.state.host_keys, nodes[0].account)
            if host_key is None or host_key.state is HostKeyState.TRUSTED:
                return f"the host key of {nodes[0].name} is {host_key.state.value if host_key else 'not read yet'}"
        return None

    def command_line(self) -> str | None:
        """`homelab keys push KEY --node …`."""
        lab = self.lab
        nodes = self.chosen_nodes(lab) if lab else []
        if lab is None or not nodes:
            return "homelab keys"
        chosen = self.chosen_keys()
        if len(chosen) == 1 and chosen[0].startswith("unknown:"):
            key = chosen[0].partition(":")[2]
            return f"homelab keys revoke {key} {' '.join(f'--node {node.account}' for node in nodes)}"
        if not lab.store.state.my_keys:
            return "homelab keys"
        mine = lab.store.state.my_keys[0]
        where = " ".join(f"--node {node.account}" for node in nodes)
        return f"homelab keys push {mine.path or mine.fingerprint} {where}"

    def action_open_shell(self) -> None:
        """`ssh` to the node under the cursor, and back."""
        lab = self.ready("keys.shell")
        if lab is not None:
            open_shell(self, lab, self.chosen_nodes(lab)[0])

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
        nodes = self.chosen_nodes(lab)
        key = await self.pick_key("Push which key?", lab.store.state.my_keys)
        if key is None:
            return
        nodes = await self.meet(lab, nodes)
        if not nodes or not await self.app.push_screen_wait(
            screens.ConfirmScreen(lab.keys.plan_push(lab.store.state, key, nodes))
        ):
            return
        await self.push_with_passwords(lab, nodes, key)

    @work(group="keys.trust", exit_on_error=False)
    async def _trust(self) -> None:
        lab, why = self.lab, self.why_not("keys.trust")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        node = self.chosen_nodes(lab)[0]
        host_key = entry(lab.store.state.host_keys, node.account)
        if host_key is None:
            return
        if host_key.state not in UNMET:
            await self.stop(node, host_key)
            return
        way = entry(lab.store.state.ways, node.account)
        compared = await self.app.push_screen_wait(screens.TrustScreen(node, host_key, way))
        if compared:
            result = await lab.keys.trust(node, host_key.fingerprint)
            tell_results(self, f"{result.target}: {result.detail}", (result,))
