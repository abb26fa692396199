"""The Keys pane's acts as root: harden, and what kubespray needs (sudo, /etc/hosts)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from textual import work

from homelab_tui.domain.keys import AdminUser, is_user_name
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.administration import HERE
from homelab_tui.engine.lab import Lab
from homelab_tui.ui import screens
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.keys_base import KeysPaneBase

_PREPARATIONS = (
    ("sudo", "sudo without a password, as kubespray and kubeadm want it"),
    ("user", "a user of its own with sudo without a password, made where it is not there"),
    ("hosts", "the nodes' names in /etc/hosts of these nodes"),
    ("hosts-here", "the nodes' names in /etc/hosts of this machine"),
    ("hosts-bastion", "the nodes' names in /etc/hosts of the jump host"),
    ("sudo-undo", "sudo with a password again (undo)"),
    ("user-undo", "that user away again (undo)"),
    ("hosts-undo", "the names out of /etc/hosts again (undo)"),
    ("hosts-here-undo", "the names out of this machine's /etc/hosts again (undo)"),
    ("hosts-bastion-undo", "the names out of the jump host's /etc/hosts again (undo)"),
)
_HARDENINGS = (
    ("harden", "keys only: no password opens the nodes any more"),
    ("undo", "as before: sshd decides about passwords by itself (undo)"),
)


Act = Callable[[Node, Secret | None], Awaitable[Result]]


def _why_no_user(name: str) -> str | None:
    return None if is_user_name(name) else "A name for a user: a-z, 0-9, _ and -, not root."


class KeyNodesPane(KeysPaneBase):
    """`h` and `n`."""

    def action_harden_sshd(self) -> None:
        """Key-only sshd on the chosen nodes."""
        self._harden()

    def action_prepare_nodes(self) -> None:
        """sudo or /etc/hosts on the chosen nodes."""
        self._prepare()

    @work(group="keys.harden", exit_on_error=False)
    async def _harden(self) -> None:
        lab = self.ready("keys.harden")
        if lab is None:
            return
        nodes = self.chosen_nodes(lab)
        picked = await self.app.push_screen_wait(screens.PickScreen("Passwords on these nodes", _HARDENINGS))
        if picked is None:
            return
        nodes = await self.meet(lab, nodes)
        if not nodes:
            return
        undo = picked == "undo"
        plan = lab.administration.plan_harden(lab.store.state, nodes, undo=undo)
        if await self.app.push_screen_wait(screens.ConfirmScreen(plan)):
            self.conclude("as wished", await lab.administration.harden(nodes, undo=undo))

    @work(group="keys.prepare", exit_on_error=False)
    async def _prepare(self) -> None:
        lab = self.ready("keys.prepare")
        if lab is None:
            return
        nodes = self.chosen_nodes(lab)
        picked = await self.app.push_screen_wait(screens.PickScreen("Prepare the nodes", _PREPARATIONS))
        if picked is None:
            return
        if picked.startswith("hosts-here"):
            await self._names_here(lab, undo=picked.endswith("-undo"))
            return
        if picked.startswith("hosts-bastion"):
            bastion = lab.administration.bastion()
            if bastion is None:
                tell(self, "the configuration names no jump host: [ssh] bastion", severity="warning")
                return
            nodes = [bastion]
        nodes = await self.meet(lab, nodes)
        if not nodes:
            return
        planned = await self._planned(lab, nodes, picked)
        if planned is None:
            return
        plan, act = planned
        if await self.app.push_screen_wait(screens.ConfirmScreen(plan)):
            results = await asyncio.gather(*(act(node, None) for node in nodes))
            self.conclude("prepared", await self._again_with_sudo(lab, nodes, act, results))

    async def _names_here(self, lab: Lab, *, undo: bool) -> None:
        """/etc/hosts of this machine, with its own sudo."""
        administration = lab.administration
        entries = () if undo else await administration.hosts_entries()
        plan = administration.plan_hosts((), entries, here=True, undo=undo)
        if not await self.app.push_screen_wait(screens.ConfirmScreen(plan)):
            return
        result, why = await administration.hosts_here(entries), "sudo wants a password on"
        while administration.wants_sudo_password_here():
            given = await self.app.push_screen_wait(screens.PasswordScreen((HERE,), why))
            if given is None:
                break
            result, why = await administration.hosts_here(entries, given.secret), "sudo refused that password on"
        tell_results(self, f"{HERE}: {result.detail}", (result,))

    async def _planned(self, lab: Lab, nodes: Sequence[Node], picked: str) -> tuple[Plan, Act] | None:
        undo = picked.endswith("-undo")
        administration = lab.administration
        if picked.startswith("sudo"):

            async def allow(node: Node, secret: Secret | None) -> Result:
                return await administration.sudo(node, secret, undo=undo)

            return administration.plan_sudo(lab.store.state, nodes, undo=undo), allow
        if picked.startswith("user"):
            return await self._planned_user(lab, nodes, undo=undo)
        entries = () if undo else await administration.hosts_entries()

        async def write(node: Node, secret: Secret | None) -> Result:
            return await administration.hosts(node, entries, secret)

        return administration.plan_hosts(nodes, entries, undo=undo), write

    async def _planned_user(self, lab: Lab, nodes: Sequence[Node], *, undo: bool) -> tuple[Plan, Act] | None:
        """Which user, and which key opens it."""
        question = "Which user is to go?" if undo else "What is it called? It gets no password, and is opened by a key."
        name = await self.app.push_screen_wait(
            screens.AskScreen("A user of its own", question, "kubespray", _why_no_user)
        )
        if name is None:
            return None
        key = None
        if not undo:
            provable = [key for key in lab.store.state.my_keys if key.private_path or key.in_agent]
            if not provable:
                tell(self, "no key of mine can log in from here, to prove it; g makes one", severity="warning")
                return None
            key = await self.pick_key(f"Which key opens {name}?", provable)
            if key is None:
                return None
        request = AdminUser(name, create=True, key=key)

        async def make(node: Node, secret: Secret | None) -> Result:
            return await lab.administration.user(node, request, secret, undo=undo)

        return lab.administration.plan_user(nodes, request, undo=undo), make

    async def _again_with_sudo(
        self,
        lab: Lab,
        nodes: Sequence[Node],
        act: Act,
        results: Sequence[Result],
    ) -> tuple[Result, ...]:
        """Ask for those where sudo wants a password (once for all, or one by one), again where it was wrong."""
        by_target = {result.target: result for result in results}
        tried: set[str] = set()
        while asking := [node for node in nodes if lab.administration.wants_sudo_password(node)]:
            fresh = [node for node in asking if node.account not in tried]
            asked, why = (fresh, "sudo wants a password on") if fresh else (asking, "sudo refused that password on")
            given = await self.app.push_screen_wait(screens.PasswordScreen(tuple(node.account for node in asked), why))
            if given is None:
                break
            chosen = asked[:1] if given.for_first_only else asked
            tried.update(node.account for node in chosen)
            again = await asyncio.gather(*(act(node, given.secret) for node in chosen))
            by_target |= {result.target: result for result in again}
        return tuple(by_target[node.account] for node in nodes)
