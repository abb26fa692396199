"""The Keys pane's acts on keys that are there already: revoke, rotate, undo; and a new key pair."""

import asyncio
from collections.abc import Collection, Sequence

from textual import work

from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan
from homelab_tui.engine.key_finds import closed_accounts, find_unknown
from homelab_tui.engine.lab import Lab
from homelab_tui.ui import screens
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.keys_base import KeysPaneBase, has_keys, removable_keys


class KeyChangesPane(KeysPaneBase):
    """`x`, `r`, `u` and `g`."""

    def why_no_change(self, lab: Lab, command_id: str) -> str | None:
        """Why one of these acts cannot be done now."""
        nodes = self.chosen_nodes(lab)
        if command_id == "keys.generate":
            return None
        if not nodes:
            return "there is no node under the cursor"
        if command_id == "keys.revoke" and not has_keys(lab.store.state, nodes):
            return "no key was found there"
        if command_id == "keys.rotate" and len(lab.store.state.my_keys) < 2:
            return "there is no second key of mine to take its place; g makes one"
        if command_id == "keys.undo" and not lab.key_changes.undoable(nodes):
            return "nothing of ours is kept to undo there"
        return None

    def action_revoke_key(self) -> None:
        """Take a key off the chosen nodes."""
        self._revoke()

    def action_rotate_key(self) -> None:
        """Replace a key of mine by another on the chosen nodes."""
        self._rotate()

    def action_undo_write(self) -> None:
        """Put the chosen accounts back as before our last write."""
        self._undo()

    def action_generate_key(self) -> None:
        """Make a new key pair."""
        self._generate()

    @work(group="keys.revoke", exit_on_error=False)
    async def _revoke(self) -> None:
        lab = self.ready("keys.revoke")
        if lab is None:
            return
        nodes = self.chosen_nodes(lab)
        unknown = self._unknown_chosen(lab)
        key = unknown
        if key is None:
            key = await self.pick_key("Take which key off?", removable_keys(lab.store.state, nodes))
        if key is None:
            return
        nodes = await self.meet(lab, nodes)
        if not nodes:
            return
        may_close = await self._confirmed_revocation(lab, key, nodes)
        if may_close is not None:
            results = await asyncio.gather(*(lab.key_changes.revoke(node, key, may_close) for node in nodes))
            self.conclude("revoked", results, select=unknown is None)

    async def _confirmed_revocation(self, lab: Lab, key: PublicKey, nodes: Sequence[Node]) -> tuple[str, ...] | None:
        """Whose last usable line may go, once the plan is agreed to; None when it is not."""
        state = lab.store.state

        def plan_for(may_close: Collection[str]) -> Plan:
            return lab.key_changes.plan_revoke(state, key, nodes, may_close)

        closed = closed_accounts(state, key, nodes)
        if closed:
            return await self.app.push_screen_wait(screens.RevokeScreen(plan_for, tuple(closed)))
        return () if await self.app.push_screen_wait(screens.ConfirmScreen(plan_for(()))) else None

    def _unknown_chosen(self, lab: Lab) -> PublicKey | None:
        """The key of the one "who is this?" row that is chosen."""
        keys = self.chosen_keys()
        if len(keys) != 1 or not keys[0].startswith("unknown:"):
            return None
        return find_unknown(lab.store.state, keys[0].partition(":")[2])

    @work(group="keys.rotate", exit_on_error=False)
    async def _rotate(self) -> None:
        lab = self.ready("keys.rotate")
        if lab is None:
            return
        nodes = self.chosen_nodes(lab)
        mine = lab.store.state.my_keys
        old = await self.pick_key("Which key goes?", mine)
        if old is None:
            return
        new = await self.pick_key("Which key takes its place?", [key for key in mine if key is not old])
        if new is None:
            return
        nodes = await self.meet(lab, nodes)
        if not nodes:
            return
        plan = lab.key_changes.plan_rotate(lab.store.state, old, new, nodes)
        if await self.app.push_screen_wait(screens.ConfirmScreen(plan)):
            results = await asyncio.gather(*(lab.key_changes.rotate(node, old, new) for node in nodes))
            self.conclude("rotated", results)

    @work(group="keys.undo", exit_on_error=False)
    async def _undo(self) -> None:
        lab = self.ready("keys.undo")
        if lab is None:
            return
        nodes = lab.key_changes.undoable(self.chosen_nodes(lab))
        if await self.app.push_screen_wait(screens.ConfirmScreen(lab.key_changes.plan_undo(nodes))):
            results = await asyncio.gather(*(lab.key_changes.undo(node) for node in nodes))
            self.conclude("undone", results)

    @work(group="keys.generate", exit_on_error=False)
    async def _generate(self) -> None:
        lab = self.ready("keys.generate")
        if lab is None:
            return
        recipe = await self.app.push_screen_wait(screens.NewKeyScreen())
        if recipe is None:
            return
        result = await lab.keys.generate(recipe)
        words = f"{result.created}: {result.detail}" if result.ok else result.detail
        tell_results(self, words, (result,))
        if result.ok:
            try:
                await lab.read_my_keys()
            except Exception as error:  # a wrong configured file; the key is made all the same
                tell(self, str(error), severity="warning")
