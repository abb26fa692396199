"""The Keys pane's push, with the passwords that a first one needs."""

import asyncio
from collections.abc import Sequence

from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.keys import PushAnswers
from homelab_tui.engine.lab import Lab
from homelab_tui.ui import screens
from homelab_tui.ui.panes.keys_base import KeysPaneBase

_REFUSED = "That password was refused on"


class KeyPushPane(KeysPaneBase):
    """What a push asks on its way. The host keys are met by then: nothing secret goes to a stranger."""

    async def push_with_passwords(self, lab: Lab, nodes: Sequence[Node], key: PublicKey) -> None:
        """Push; ask for what the accounts want that no key opens; say how it went."""
        results = {result.target: result for result in await _push(lab, nodes, key, PushAnswers())}
        passwords = await self._open_closed(lab, nodes, key, results)
        await self._renew_expired(lab, nodes, key, results, passwords)
        self.conclude("pushed and proven", [results[node.account] for node in nodes])

    async def _open_closed(
        self, lab: Lab, nodes: Sequence[Node], key: PublicKey, results: dict[str, Result]
    ) -> dict[str, Secret]:
        """Ask for the password of the accounts that only one opens, again where it was wrong; what was typed."""
        typed: dict[str, Secret] = {}
        while closed := [node for node in nodes if lab.keys.wants_password(node)]:
            fresh = [node for node in closed if node.account not in typed]
            asked, why = (fresh, "No key of mine opens") if fresh else (closed, _REFUSED)
            given = await self.app.push_screen_wait(screens.PasswordScreen(tuple(node.account for node in asked), why))
            if given is None:
                break
            chosen = asked[:1] if given.for_first_only else asked
            typed.update({node.account: given.secret for node in chosen})
            for result in await _push(lab, chosen, key, PushAnswers(password=given.secret)):
                results[result.target] = result
        return typed

    async def _renew_expired(
        self,
        lab: Lab,
        nodes: Sequence[Node],
        key: PublicKey,
        results: dict[str, Result],
        passwords: dict[str, Secret],
    ) -> None:
        """Take the accounts whose password has expired through their first login: one dialog for all that share it."""
        why: str | None = None
        while expired := [node for node in nodes if lab.keys.wants_new_password(node)]:
            old = passwords.get(expired[0].account)
            together = [node for node in expired if passwords.get(node.account) == old]
            names = tuple(node.account for node in together)
            changed = await self.app.push_screen_wait(screens.NewPasswordScreen(names, old, why))
            if changed is None:
                return
            answers = PushAnswers(password=changed.old, new_password=changed.new)
            for result in await _push(lab, together, key, answers):
                results[result.target] = result
            still = [node for node in together if lab.keys.wants_new_password(node)]
            for node in still:  # the old one was wrong: it is asked for again
                passwords.pop(node.account, None)
            why = results[still[0].account].detail if still else None


async def _push(lab: Lab, nodes: Sequence[Node], key: PublicKey, answers: PushAnswers) -> tuple[Result, ...]:
    return tuple(await asyncio.gather(*(lab.keys.push(node, key, answers) for node in nodes)))
