"""Modes: what others may write to, so that sshd ignores the keys, taken from them, and proven by a fresh login."""

from collections.abc import Sequence

from homelab_tui.domain.errors import CredentialsNeeded, HomelabError
from homelab_tui.domain.keys import AccountKeys, CellState, ModesMended, Proof, ProofState, PublicKey
from homelab_tui.domain.loose_modes import NOTHING_LOOSE, LooseModes, LoosePath
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.engine.key_steps import KeySteps, failed
from homelab_tui.engine.operations import Progress
from homelab_tui.engine.store import reading_of


class KeyModes:
    """`chmod go-w`, as the account itself, on what StrictModes minds and on nothing else."""

    def __init__(self, steps: KeySteps) -> None:
        self._steps = steps
        self._ssh = steps.ssh
        self._closed: set[str] = set()
        """Accounts that only a password would open, by the last look or act."""

    def wants_password(self, node: Node) -> bool:
        """Whether the last look or act failed only because no key opened the account, and a password would."""
        return node.account in self._closed

    async def look(self, node: Node, password: Secret | None = None) -> Result | None:
        """Read an account that no key opens into the state; why not, or None when it is read.

        The host key is decided first: no password goes to a stranger.
        """
        refused = await self._steps.meet(node)
        if refused is not None:
            return refused
        self._closed.discard(node.account)
        try:
            account = await self._ssh.read_account(node, password=password)
        except HomelabError as error:
            self._remember_closed(node, error)
            return failed(node, str(error))
        await self._steps.read_again(node, account)
        return None

    def plan(self, state: LabState, nodes: Sequence[Node]) -> Plan:
        """Which paths lose which bits, by the last reading; nodes without a finding are left out. Pure."""
        found = [(node, loose_of(state, node)) for node in nodes]
        due = [node for node, loose in found if loose.paths]
        return Plan(
            kind="keys.modes",
            title=f"Let nobody else write to the way to the keys on {_where(due or nodes)}",
            steps=tuple(PlanStep(node.account, loose.words) for node, modes in found for loose in modes.paths),
            notes=(
                "chmod go-w, as the account itself; nothing else is changed",
                "whoever wrote there through the group, or as anybody, cannot any more",
                "the result names the chmod that puts it back",
                "proven by a fresh login with a key that sshd ignored until now, where its private half is here",
            ),
            warnings=tuple(f"{node.account}: {why}" for node, modes in found for why in modes.beyond),
            refusals=self._steps.refusals(),
        )

    async def mend(self, node: Node, wanted: Sequence[LoosePath], password: Secret | None = None) -> Result:
        """Do what was planned for one account, and prove it."""

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            refused = await self._steps.meet(node)
            if refused is not None:
                return refused
            self._closed.discard(node.account)
            progress.stage("chmod go-w…")
            try:
                mended = await self._ssh.mend_modes(node, wanted, password=password)
            except CredentialsNeeded as error:
                self._remember_closed(node, error)
                raise
            result = await self._judged(node, mended, progress)
            await self._steps.read_again(node, mended.account)
            return result

        target = f"account:{node.account}"
        return await self._steps.operations.run("keys.modes", target, "connecting…", work, must_finish=True)

    async def _judged(self, node: Node, mended: ModesMended, progress: Progress) -> Result:
        left = (*(loose.words for loose in mended.account.loose.paths), *mended.account.loose.beyond)
        proof = None
        if mended.changed and (mended.opened or not left):
            progress.stage("proving by a fresh login…")
            proof = await self._proof(node, mended)
        parts = [", ".join(loose.words for loose in mended.changed) or "nothing was changed"]
        parts += [mended.problem] if mended.problem else []
        parts += [f"sshd still minds: {'; '.join(left)}"] if left else []
        parts += [proof.detail] if proof else []
        if mended.changed:
            parts.append(f"undo: {'; '.join(loose.undo for loose in mended.changed)}")
        ok = not left and mended.problem is None and (proof is None or proof.state is not ProofState.FAILED)
        proven = proof.proven if proof else None
        return Result(node.account, ok=ok, changed=bool(mended.changed), detail="; ".join(parts), proven=proven)

    async def _proof(self, node: Node, mended: ModesMended) -> Proof:
        key = await self._provable(mended)
        if key is None:
            words = "not proven: none of the keys there has its private half here"
            return Proof(ProofState.NOT_POSSIBLE, words)
        return await self._steps.prove(node, key)

    async def _provable(self, mended: ModesMended) -> PublicKey | None:
        """A key of mine that sshd ignored until now and that nothing restricts."""
        usable = {cell.fingerprint for cell in mended.account.cells if cell.state is CellState.PRESENT}
        try:
            mine = await self._ssh.read_my_keys()
        except HomelabError:  # a wrong key file: what was done must not be hidden by that
            mine = ()
        keys = [key for key in mine if key.fingerprint in usable and key.fingerprint in mended.opened]
        return next((key for key in keys if key.private_path or key.in_agent), None)

    def _remember_closed(self, node: Node, error: HomelabError) -> None:
        if isinstance(error, CredentialsNeeded) and error.password_possible:
            self._closed.add(node.account)


def loose_of(state: LabState, node: Node) -> LooseModes:
    """What was found at the last reading of an account; nothing for one that was not read."""
    account = _account(state, node)
    return NOTHING_LOOSE if account is None else account.loose


def why_nothing_to_mend(state: LabState, node: Node) -> str | None:
    """Why there is nothing to mend in an account; None when there is, or when it has to be looked at first."""
    reading = reading_of(state.accounts, node.account)
    if reading.problem:  # what was read before may be why it cannot be read any more
        return None
    if reading.value is None:
        return f"{node.account} is not read yet"
    loose = reading.value.loose
    if loose.paths:
        return None
    return loose.beyond[0] if loose.beyond else "nobody else may write to home, .ssh or authorized_keys there"


def is_unread(state: LabState, node: Node) -> bool:
    """Whether an account's modes are not known as they are now."""
    reading = reading_of(state.accounts, node.account)
    return reading.value is None or reading.problem is not None


def settled(state: LabState, node: Node) -> Result:
    """The result of an account that needs, or allows, no mending."""
    reading = reading_of(state.accounts, node.account)
    if reading.value is None:
        return failed(node, reading.problem or "not read")
    beyond = reading.value.loose.beyond
    if beyond:
        return failed(node, "; ".join(beyond))
    return Result(node.account, ok=True, changed=False, detail=why_nothing_to_mend(state, node) or "")


def _account(state: LabState, node: Node) -> AccountKeys | None:
    return reading_of(state.accounts, node.account).value


def _where(nodes: Sequence[Node]) -> str:
    return nodes[0].account if len(nodes) == 1 else f"{len(nodes)} nodes"
