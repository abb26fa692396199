"""The administrator's acts on nodes: key-only sshd, passwordless sudo, names in /etc/hosts."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from homelab_tui.domain.errors import ActionRefused, CredentialsNeeded, HomelabError
from homelab_tui.domain.keys import AdminUser, NodeChange, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.engine.journal import Journal, JournalEntry
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.operations import Progress
from homelab_tui.engine.store import reading_of

log = logging.getLogger(__name__)
Entries = tuple[tuple[str, str], ...]
"""Name and address of each node."""
HERE = "this machine"
Act = Callable[[Progress], Awaitable[NodeChange]]


class Administration:
    """Acts as root. Each is planned, idempotent, and can be undone."""

    def __init__(self, steps: KeySteps, journal: Journal, nodes: Sequence[Node], bastion: str | None) -> None:
        """`nodes` are all of the configuration; `bastion` is the jump host, which is hardened last."""
        self._steps = steps
        self._ssh = steps.ssh
        self._journal = journal
        self._nodes = tuple(nodes)
        self._bastion = bastion
        self._sudo_asks: set[str] = set()

    def wants_sudo_password(self, node: Node) -> bool:
        """Whether the last act there failed only because sudo wants a password."""
        return node.account in self._sudo_asks

    # Harden

    def plan_harden(self, state: LabState, nodes: Sequence[Node], *, undo: bool = False) -> Plan:
        """What will happen to whose sshd, in which order. Pure."""
        ordered = self.in_order(nodes)
        if undo:
            steps = tuple(PlanStep(n.account, "00-homelab.conf goes; sshd decides as before") for n in ordered)
            title = f"Let {_count(nodes)} decide about passwords as before"
            return Plan("keys.harden", title, steps, refusals=self._steps.refusals())
        return Plan(
            kind="keys.harden",
            title=f"Take keys only on {_count(nodes)}",
            steps=tuple(PlanStep(node.account, _login_words(state, node)) for node in ordered),
            notes=(
                "one drop-in, /etc/ssh/sshd_config.d/00-homelab.conf: PasswordAuthentication no, "
                "KbdInteractiveAuthentication no, PubkeyAuthentication yes",
                "one node at a time, the jump host last; the first surprise stops everything",
                "a rollback is armed on the node itself, and works though this program or the network dies",
                "it counts only when a fresh login with the key has run a command",
            ),
            warnings=("who has no key on a node yet cannot log in there any more",),
            refusals=self._steps.refusals(),
            danger=True,
        )

    def in_order(self, nodes: Sequence[Node]) -> tuple[Node, ...]:
        """The jump host last: it is the way to the others."""
        return tuple(sorted(nodes, key=self._is_bastion))

    def _is_bastion(self, node: Node) -> bool:
        host = (self._bastion or "").rpartition("@")[2].partition(":")[0].casefold()
        return bool(host) and host in (node.host.casefold(), node.name.casefold())

    async def harden(self, nodes: Sequence[Node], *, undo: bool = False) -> tuple[Result, ...]:
        """One node after the other; after the first that does not end as it should, no other is begun."""
        results: list[Result] = []
        for node in self.in_order(nodes):
            failed = next((result for result in results if not result.ok), None)
            if failed is not None:
                detail = f"not begun: {failed.target} did not end as it should"
                results.append(Result(node.account, ok=False, changed=False, detail=detail))
                continue
            results.append(await self._harden(node, undo=undo))
        return tuple(results)

    async def _harden(self, node: Node, *, undo: bool) -> Result:
        async def act(progress: Progress) -> NodeChange:
            try:
                earlier = [e for e in self._journal.unfinished() if (e.kind, e.target) == ("keys.harden", node.account)]
                entry_id = self._journal.begin("keys.harden", node.account, {"undo": str(undo)})
            except OSError as error:
                raise ActionRefused(f"nothing was sent: the journal cannot be written ({error.strerror})") from error
            outcome = "failed"
            try:
                change = await self._ssh.harden(node, progress.stage, undo=undo)
                outcome = "done"
                return change
            finally:
                try:
                    self._journal.end(entry_id, outcome)
                    for entry in earlier if outcome == "done" else ():  # what it left open is settled by now
                        self._journal.end(entry.id, "done again")
                except OSError as error:
                    log.warning("the journal cannot be written: %s", error)

        return await self._run("keys.harden", node, act)

    async def restore(self, entry: JournalEntry) -> Result:
        """After a hardening that nobody saw the end of: the node has helped itself; look whether it lets us in."""
        node = next((node for node in self._nodes if node.account == entry.target), None)
        detail = "its node is not configured any more; nothing to look at"
        if node is not None:
            try:
                account = await self._ssh.read_account(node)
            except HomelabError as error:
                return Result(entry.target, ok=False, changed=False, detail=f"not proven that it lets us in: {error}")
            passwords = {True: "passwords open it", False: "it takes keys only", None: "passwords: not known"}
            detail = f"a login works; {passwords[account.password_login]}"
        self._journal.end(entry.id, "seen")
        return Result(entry.target, ok=True, changed=False, detail=detail)

    # Prepare

    def plan_sudo(self, state: LabState, nodes: Sequence[Node], *, undo: bool = False) -> Plan:
        """Who will become root without a password. Pure."""
        verb = "asks for a password again" if undo else "asks for no password any more"
        return Plan(
            kind="keys.prepare",
            title=f"sudo on {_count(nodes)} {verb}",
            steps=tuple(PlanStep(node.account, _sudo_words(state, node, undo=undo)) for node in nodes),
            notes=(
                "one file, /etc/sudoers.d/99-homelab-USER, taken away again"
                if undo
                else "one file, /etc/sudoers.d/99-homelab-USER, checked by visudo; proven in a session without a "
                "terminal (as kubespray works), else taken away again",
            ),
            warnings=() if undo else ("whoever logs in to the account is root without another question",),
            refusals=self._steps.refusals(),
            danger=True,
        )

    async def sudo(self, node: Node, password: Secret | None = None, *, undo: bool = False) -> Result:
        """sudo without a password for one account, or with one again."""

        async def act(progress: Progress) -> NodeChange:
            progress.stage("sudo…")
            return await self._ssh.allow_sudo(node, password, undo=undo)

        return await self._run("keys.prepare", node, act)

    def plan_user(self, nodes: Sequence[Node], request: AdminUser, *, undo: bool = False) -> Plan:
        """Which user will be made, or taken away, where. Pure."""
        name = request.name
        if undo:
            return Plan(
                kind="keys.prepare",
                title=f"Take the user {name} off {_count(nodes)}",
                steps=tuple(PlanStep(node.account, f"{name} loses its sudo") for node in nodes),
                notes=(
                    "the account itself goes only where homelab made it; a home with files of its own stays",
                    "an account that was there before keeps its key",
                ),
                refusals=self._steps.refusals(),
                danger=True,
            )
        opener = "the key that homelab logs in with" if request.key is None else _key_words(request.key)
        way = "made if it is not there, without any password" if request.create else "it has to be there already"
        return Plan(
            kind="keys.prepare",
            title=f"A user {name} with passwordless sudo on {_count(nodes)}",
            steps=tuple(PlanStep(node.account, f"{name}: {way}") for node in nodes),
            notes=(
                f"opened by {opener}; root by /etc/sudoers.d/99-homelab-{name}, checked by visudo",
                "proven by a fresh login without a terminal, else all of it is taken back",
                f"undo: homelab keys sudo --user {name} --undo",
            ),
            warnings=(f"whoever logs in as {name} is root without another question",),
            refusals=self._steps.refusals(),
            danger=True,
        )

    async def user(
        self, node: Node, request: AdminUser, password: Secret | None = None, *, undo: bool = False
    ) -> Result:
        """A user of its own for kubespray on one node, or away with it."""

        async def act(progress: Progress) -> NodeChange:
            progress.stage(f"user {request.name}…")
            if undo:
                return await self._ssh.remove_user(node, request.name, password)
            return await self._ssh.make_user(node, request, password)

        return await self._run("keys.prepare", node, act)

    async def hosts_entries(self) -> Entries:
        """Name and address of every node of the configuration; those on loopback, and unknown names, are left out."""
        found: list[tuple[str, str]] = []
        for node in self._nodes:
            address = await self._ssh.address(node)
            if address is not None and (node.name, address) not in found:
                found.append((node.name, address))
        return tuple(found)

    def plan_hosts(self, nodes: Sequence[Node], entries: Entries, *, here: bool = False, undo: bool = False) -> Plan:
        """Which names will be in whose /etc/hosts; `here` is this machine. Pure."""
        refusals = self._steps.refusals()
        if not undo and not entries:
            refusals = (*refusals, "no node has an address that another one could use (all of them are loopback)")
        known = {name for name, _ in entries}
        missing = [node.name for node in self._nodes if node.name not in known]
        verb = "Take the names out of" if undo else "Keep the names in"
        places = [node.account for node in nodes] + ([HERE] if here else [])
        return Plan(
            kind="keys.prepare",
            title=f"{verb} /etc/hosts on {_where(nodes, here=here)}",
            steps=tuple(PlanStep(name, "the block goes" if undo else f"{len(entries)} names") for name in places),
            notes=() if undo else tuple(f"{address}  {name}" for name, address in entries),
            warnings=(f"left out, for want of an address: {', '.join(missing)}",) if missing and not undo else (),
            refusals=refusals,
        )

    async def hosts(self, node: Node, entries: Entries, password: Secret | None = None) -> Result:
        """These names in one node's /etc/hosts; without any, the block goes."""

        async def act(progress: Progress) -> NodeChange:
            progress.stage("/etc/hosts…")
            return await self._ssh.write_hosts(node, entries, password)

        return await self._run("keys.prepare", node, act)

    async def hosts_here(self, entries: Entries, password: Secret | None = None) -> Result:
        """These names in the /etc/hosts of this machine; without any, the block goes."""

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            self._sudo_asks.discard(HERE)
            progress.stage("/etc/hosts…")
            try:
                change = await self._ssh.write_hosts_here(entries, password)
            except CredentialsNeeded:
                self._sudo_asks.add(HERE)
                raise
            return Result(HERE, ok=True, changed=change.changed, detail=change.detail)

        return await self._steps.operations.run(
            "keys.prepare", "machine:here", "sudo…", work, must_finish=True, name=HERE
        )

    def wants_sudo_password_here(self) -> bool:
        """Whether the last act on this machine failed only because sudo wants a password."""
        return HERE in self._sudo_asks

    def bastion(self) -> Node | None:
        """The jump host of the configuration as something to act on; None without one."""
        named = next((node for node in self._nodes if self._is_bastion(node)), None)
        if named is not None or self._bastion is None:
            return named
        user, _, place = self._bastion.rpartition("@")
        host, _, port = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "")
        host = host.strip("[]")
        return Node(host, host, user=user or None, port=int(port) if port else None)

    async def _run(self, kind: str, node: Node, act: Act) -> Result:
        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            self._sudo_asks.discard(node.account)
            refused = await self._steps.meet(node)
            if refused is not None:
                return refused
            try:
                change = await act(progress)
            except CredentialsNeeded as error:
                if error.password_possible:
                    self._sudo_asks.add(node.account)
                raise
            if node.name in {known.name for known in self._nodes}:  # a bare jump host has no row of its own
                await self._steps.read_again(node)
            return Result(node.account, ok=True, changed=change.changed, detail=change.detail, proven=change.proven)

        target = f"account:{node.account}"
        return await self._steps.operations.run(kind, target, "connecting…", work, must_finish=True)


def _where(nodes: Sequence[Node], *, here: bool) -> str:
    return " and ".join([_count(nodes)] * bool(nodes) + [HERE] * here)


def _key_words(key: PublicKey) -> str:
    return f"{key.comment} ({key.fingerprint})" if key.comment else key.fingerprint


def _count(nodes: Sequence[Node]) -> str:
    return nodes[0].account if len(nodes) == 1 else f"{len(nodes)} nodes"


def _login_words(state: LabState, node: Node) -> str:
    account = reading_of(state.accounts, node.account).value
    if account is None:
        return "not read yet"
    words = {True: "passwords open it now", False: "takes keys only already", None: "passwords: not known"}
    root = {True: "sudo without a password", False: "NO SUDO WITHOUT A PASSWORD: it will be refused", None: "sudo: ?"}
    return f"{words[account.password_login]}; {root[account.sudo]}"


def _sudo_words(state: LabState, node: Node, *, undo: bool) -> str:
    account = reading_of(state.accounts, node.account).value
    if account is None or account.sudo is None:
        return "not read yet"
    if undo:
        return "the file goes, if it is there"
    return "needs none already" if account.sudo else "a line for the account is written"
