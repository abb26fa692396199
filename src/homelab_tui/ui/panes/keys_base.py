"""What every act of the Keys pane needs: whom it is about, the hosts met, a key picked."""

from collections.abc import Callable, Sequence

from homelab_tui.domain.keys import HostKey, HostKeyState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.store import entry
from homelab_tui.present import keys as present
from homelab_tui.present.host_keys import hard_stop
from homelab_tui.present.plans import results_sentence
from homelab_tui.present.unknown_keys import unknown_keys
from homelab_tui.ui import screens
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.pane import Pane

UNMET = (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE)


class KeysPaneBase(Pane):
    """Accounts, unknown keys, and the questions that come before an act."""

    def chosen_nodes(self, lab: Lab) -> list[Node]:
        """The nodes of the selected rows; for an unknown key, those that it is on."""
        return nodes_of(lab, self.chosen_keys())

    def ready(self, command_id: str) -> Lab | None:
        """The lab, if the command can be done now; else a word about why not."""
        lab, why = self.lab, self.why_not(command_id)
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return None
        return lab

    async def meet(self, lab: Lab, nodes: Sequence[Node]) -> list[Node]:
        """Decide unknown host keys, one after the other, before anything is sent; who is rejected is left out."""
        met = []
        for node in nodes:
            host_key = entry(lab.store.state.host_keys, node.account)
            if host_key is not None and host_key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
                await self.stop(node, host_key)
                continue
            if host_key is not None and host_key.state in UNMET:
                if not await self.app.push_screen_wait(
                    screens.TrustScreen(node, host_key, entry(lab.store.state.ways, node.account))
                ):
                    continue
                result = await lab.keys.trust(node, host_key.fingerprint)
                if not result.ok:
                    tell(self, f"{node.name}: {result.detail}", severity="error")
                    continue
            met.append(node)
        return met

    async def stop(self, node: Node, host_key: HostKey) -> None:
        """A changed or revoked host key: what it is and what to do about it, and no button that goes on."""
        word = "HOST KEY CHANGED" if host_key.state is HostKeyState.CHANGED else "HOST KEY REVOKED"
        await self.app.push_screen_wait(screens.TextScreen(f"{word}: {node.name}", hard_stop(node, host_key)))

    async def pick_key(
        self, question: str, keys: Sequence[PublicKey], *, words: Callable[[PublicKey], str] = lambda _key: ""
    ) -> PublicKey | None:
        """One of several keys; the only one is not asked about."""
        if len(keys) == 1:
            return keys[0]
        options = tuple(
            (key.fingerprint, f"{present.key_name(key)}  {key.type}  {key.fingerprint}{words(key)}") for key in keys
        )
        picked = await self.app.push_screen_wait(screens.PickScreen(question, options))
        return next((key for key in keys if key.fingerprint == picked), None)

    def conclude(self, words: str, results: Sequence[Result], *, select: bool = True) -> None:
        """Say how it went; who failed stays selected for another try, unless the row itself is that."""
        rows = {row.key for row in self.table.rows}
        failed = [f"account:{result.target}" for result in results if not result.ok] if select else []
        self.table.select([key for key in failed if key in rows])
        tell_results(self, results_sentence(words, tuple(results)), results)


def nodes_of(lab: Lab, keys: Sequence[str]) -> list[Node]:
    """The nodes that these rows are about, in the configuration's order."""
    names = {key.partition(":")[2] for key in keys if key.startswith("account:")}
    names |= {key.split(":")[1] for key in keys if key.startswith("found:")}
    strange = {key.partition(":")[2] for key in keys if key.startswith("unknown:")}
    if strange:
        for unknown in unknown_keys(lab.store.state):
            if unknown.fingerprint in strange:
                names.update(unknown.on)
    return [node for node in lab.config.nodes if node.account in names]


def has_keys(state: LabState, nodes: Sequence[Node]) -> bool:
    """Whether a key is on one of the nodes."""
    wanted = {node.account for node in nodes}
    return any(account in wanted and reading.value and reading.value.all_cells for account, reading in state.accounts)


def removable_keys(state: LabState, nodes: Sequence[Node]) -> tuple[PublicKey, ...]:
    """Every key that is on one of the nodes, mine first."""
    wanted = {node.account for node in nodes}
    there = {
        cell.fingerprint
        for account, reading in state.accounts
        if account in wanted and reading.value
        for cell in reading.value.all_cells
    }
    mine = tuple(key for key in state.my_keys if key.fingerprint in there)
    strange = tuple(
        PublicKey(key.type, b"", key.comment, fingerprint=key.fingerprint)
        for key in unknown_keys(state)
        if wanted.intersection(key.on)
    )
    return mine + strange
