"""The Keys pane's cure for StrictModes: `chmod go-w` on what others may write to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from textual import work

from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.key_modes import is_unread, loose_of, settled, why_nothing_to_mend
from homelab_tui.engine.lab import Lab
from homelab_tui.ui import screens
from homelab_tui.ui.panes.keys_base import KeysPaneBase

Act = Callable[[Node, Secret | None], Awaitable[Result | None]]


class KeyModesPane(KeysPaneBase):
    """`M`."""

    def why_no_modes(self, lab: Lab) -> str | None:
        """Why there is nothing to mend in any of the chosen accounts."""
        nodes = self.chosen_nodes(lab)
        if not nodes:
            return "there is no node under the cursor"
        reasons = [why_nothing_to_mend(lab.store.state, node) for node in nodes]
        return None if None in reasons else reasons[0]

    def action_mend_modes(self) -> None:
        """Take others' right to write from what makes sshd ignore the keys."""
        self._modes()

    @work(group="keys.modes", exit_on_error=False)
    async def _modes(self) -> None:
        lab = self.ready("keys.modes")
        if lab is None:
            return
        nodes = await self.meet(lab, self.chosen_nodes(lab))
        typed: dict[str, Secret] = {}
        unread = [node for node in nodes if is_unread(lab.store.state, node)]
        unmet = await self._opened(lab, unread, lab.key_modes.look, typed)
        state = lab.store.state
        wanted = {node.account: loose_of(state, node).paths for node in nodes}
        due = [node for node in nodes if wanted[node.account]]
        left = [unmet.get(n.account) or settled(state, n) for n in nodes if not wanted[n.account]]
        if not due:
            self.conclude("in order", left)
            return
        if not await self.app.push_screen_wait(screens.ConfirmScreen(lab.key_modes.plan(state, nodes))):
            return

        async def mend(node: Node, secret: Secret | None) -> Result:
            return await lab.key_modes.mend(node, wanted[node.account], secret)

        results = await self._opened(lab, due, mend, typed)
        self.conclude("mended", [*results.values(), *left])

    async def _opened(self, lab: Lab, nodes: Sequence[Node], act: Act, typed: dict[str, Secret]) -> dict[str, Result]:
        """Act on every node, asking for the passwords of those that only one opens, again where it was wrong."""

        async def all_of(some: Sequence[Node]) -> None:
            answers = await asyncio.gather(*(act(node, typed.get(node.account)) for node in some))
            for node, result in zip(some, answers, strict=True):
                results.pop(node.account, None)
                if result is not None:
                    results[node.account] = result

        results: dict[str, Result] = {}
        await all_of(nodes)
        while closed := [node for node in nodes if lab.key_modes.wants_password(node)]:
            fresh = [node for node in closed if node.account not in typed]
            asked, why = (fresh, "No key of mine opens") if fresh else (closed, "That password was refused on")
            given = await self.app.push_screen_wait(screens.PasswordScreen(tuple(node.account for node in asked), why))
            if given is None:
                break
            chosen = asked[:1] if given.for_first_only else asked
            typed.update({node.account: given.secret for node in chosen})
            await all_of(chosen)
        return results
