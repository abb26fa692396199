"""Taking keys away and putting files back: undo, revoke, rotate. Each guarded on the node, kept for undo, proven."""

from collections.abc import Collection, Sequence

from homelab_tui.domain.errors import HomelabError, UsageError
from homelab_tui.domain.keys import AccountKeys, CellState, KeyRemoval, Proof, ProofState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.key_finds import cells_of, closed_accounts, owner_of, standing
from homelab_tui.engine.key_steps import KeySteps, failed
from homelab_tui.engine.operations import Progress, Work
from homelab_tui.engine.pre_images import PreImageRecord, in_words

_GUARDED = (
    "refused on a node where it is the key that the session came in with, or the last usable line; "
    "another account keeps its last one, too"
)


class KeyChanges:
    """What can be done to keys that are there already."""

    def __init__(self, steps: KeySteps) -> None:
        self._steps = steps
        self._ssh = steps.ssh

    # Undo

    def plan_undo(self, nodes: Sequence[Node]) -> Plan:
        """What the last write of ours to each of these accounts has overwritten."""
        found = [(node, self._steps.pre_images.newest(node)) for node in nodes]
        refusals = self._steps.refusals()
        if not any(records for _, records in found):
            refusals = (*refusals, "nothing of ours is kept to undo there")
        return Plan(
            kind="keys.undo",
            title=f"Undo the last write to {_where(nodes)}",
            steps=tuple(PlanStep(node.account, in_words(records)) for node, records in found),
            notes=("only where the file is still exactly what that write left; else it is refused",),
            refusals=refusals,
        )

    def undoable(self, nodes: Sequence[Node]) -> list[Node]:
        """Those of these accounts that a write of ours to can be undone."""
        return self._steps.pre_images.among(nodes)

    async def undo(self, node: Node) -> Result:
        """Put the files of one account back as they were before our last write, if nobody wrote to them since."""

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            records = self._steps.pre_images.newest(node)
            if not records:
                return Result(node.account, ok=True, changed=False, detail=in_words(()))
            refused = await self._steps.meet(node)
            if refused is not None:
                return refused
            progress.stage("putting back…")
            result = await self._put_back(node, records)
            await self._steps.read_again(node)
            return result

        return await self._run("keys.undo", node, work)

    async def _put_back(self, node: Node, records: Sequence[PreImageRecord]) -> Result:
        details: list[str] = []
        changed, ok = False, True
        for record in records:
            try:
                before = record.read()
            except OSError as error:
                return failed(node, f"what was kept for undo cannot be read: {error.strerror}")
            try:
                write = await self._ssh.restore_file(node, record.file, record.left_sha256, before)
            except HomelabError as error:
                ok = False
                details.append(str(error))
                continue
            record.forget()
            changed = changed or write.changed
            details.append(write.detail)
        return Result(node.account, ok=ok, changed=changed, detail="; ".join(details))

    # Revoke

    def plan_revoke(
        self, state: LabState, key: PublicKey, nodes: Sequence[Node], may_close: Collection[str] = ()
    ) -> Plan:
        """What taking a key off these nodes will do, as far as is known without asking them again. Pure."""
        steps = [PlanStep(node.account, standing(state, node, key)) for node in nodes]
        return Plan(
            kind="keys.revoke",
            title=f"Take {key.comment or key.fingerprint} off {_where(nodes)}",
            steps=tuple(steps),
            notes=(
                f"{key.type} {key.fingerprint}",
                "out of every file that sshd reads for the account, and for every other account that sudo shows there "
                "(root's too); every other byte stays as it is",
                "live sessions go on",
                _GUARDED,
                _proof_note(key, "proven by a fresh login with it that is refused"),
            ),
            warnings=tuple(
                _closing(user, names, chosen=user in may_close)
                for user, names in closed_accounts(state, key, nodes).items()
            ),
            refusals=self._steps.refusals(),
            danger=True,
        )

    async def preview_revoke(self, node: Node, key: PublicKey, may_close: Collection[str] = ()) -> Result:
        """The lines that would go, or why they would not; nothing is written."""
        try:
            removal = await self._ssh.remove_key(
                node, key.fingerprint, everywhere=True, dry_run=True, may_close=may_close
            )
        except HomelabError as error:
            return failed(node, str(error))
        return Result(node.account, ok=True, changed=bool(removal.lines), detail=removal.detail)

    async def revoke(self, node: Node, key: PublicKey, may_close: Collection[str] = ()) -> Result:
        """Take a key off one account, and prove that it opens nothing any more.

        Other accounts of the node lose it too; their last usable line only where they are named in `may_close`.
        """

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            refused = await self._steps.meet(node)
            if refused is not None:
                return refused
            progress.stage("removing…")
            removal, lost = await self._remove(node, key, may_close=may_close)
            result = await self._judged(node, key, removal, lost, progress)
            await self._steps.read_again(node)
            return result

        return await self._run("keys.revoke", node, work)

    async def _remove(
        self, node: Node, key: PublicKey, using: PublicKey | None = None, may_close: Collection[str] = ()
    ) -> tuple[KeyRemoval, str | None]:
        with self._steps.new_pre_image(node) as pre_image:
            removal = await self._ssh.remove_key(
                node,
                key.fingerprint,
                using=using,
                everywhere=using is None,  # a rotation is about this account alone: the new key is in no other one
                before_write=pre_image.expect,
                may_close=may_close,
            )
            return removal, pre_image.keep(*removal.writes)

    async def _judged(
        self, node: Node, key: PublicKey, removal: KeyRemoval, lost: str | None, progress: Progress
    ) -> Result:
        """A removal with the proof that the key is refused now."""
        if not removal.writes:
            return Result(node.account, ok=removal.problem is None, changed=False, detail=removal.detail)
        progress.stage("proving that it is refused…")
        proofs = [await self._steps.prove(account, key) for account in _accounts(node, removal)]
        worst = next((proof for proof in proofs if _refusal_proven(proof) is not True), proofs[0])
        proven = _refusal_proven(worst)
        detail = "; ".join(part for part in (removal.detail, removal.problem, _refusal_words(worst), lost) if part)
        ok = removal.problem is None and proven is not False
        return Result(node.account, ok=ok, changed=True, detail=detail, proven=proven)

    # Rotate

    def plan_rotate(self, state: LabState, old: PublicKey, new: PublicKey, nodes: Sequence[Node]) -> Plan:
        """What replacing one key by another will do. Pure.

        Raises: UsageError when they are one key, or the new one cannot be proven from here.
        """
        if old.fingerprint == new.fingerprint:
            raise UsageError("OLD and NEW are the same key")
        refusals = self._steps.refusals()
        if not (new.private_path or new.in_agent):
            refusals = (*refusals, "the private half of the new key is not here: without its proof nothing is removed")
        return Plan(
            kind="keys.rotate",
            title=f"Replace {old.comment or old.fingerprint} by {new.comment or new.fingerprint} on {_where(nodes)}",
            steps=tuple(PlanStep(node.account, standing(state, node, old)) for node in nodes),
            notes=(
                f"old: {old.type} {old.fingerprint}",
                f"new: {new.type} {new.fingerprint}",
                "on each node: add the new one, prove it by a fresh login, and only then remove the old one",
                "an IdentityFile of your ssh configuration that names the old key is yours to change",
            ),
            refusals=refusals,
            danger=True,
        )

    async def rotate(self, node: Node, old: PublicKey, new: PublicKey) -> Result:
        """Replace a key on one account: the old one goes only when the new one was proven there."""

        async def work(progress: Progress) -> Result:
            self._steps.demand_writable()
            refused = await self._steps.meet(node)
            if refused is not None:
                return refused
            unfit = _unfit_for_rotation(node, await self._ssh.read_account(node), old)
            if unfit is not None:
                return unfit
            result = await self._replaced(node, old, new, progress)
            await self._steps.read_again(node)
            return result

        return await self._run("keys.rotate", node, work)

    async def _replaced(self, node: Node, old: PublicKey, new: PublicKey, progress: Progress) -> Result:
        progress.stage("adding the new key…")
        with self._steps.new_pre_image(node) as pre_image:
            write = await self._ssh.add_key(node, new, before_write=pre_image.expect)
            lost = pre_image.keep(write)
        progress.stage("proving the new key…")
        proof = await self._steps.prove(node, new)
        if not proof.proven:
            detail = "; ".join(part for part in (write.detail, proof.detail, "the old key stays", lost) if part)
            return Result(node.account, ok=False, changed=write.changed, detail=detail, proven=proof.proven)
        progress.stage("removing the old key…")
        try:
            removal, lost_too = await self._remove(node, old, using=new)
        except HomelabError as error:
            detail = f"{write.detail}, and proven; the old key stays: {error}"
            return Result(node.account, ok=False, changed=write.changed, detail=detail, proven=True)
        removed = await self._judged(node, old, removal, lost or lost_too, progress)
        detail = f"{write.detail}, and proven; old key: {removed.detail}"
        return Result(node.account, ok=removed.ok, changed=True, detail=detail, proven=True)

    async def _run(self, kind: str, node: Node, work: Work) -> Result:
        target = f"account:{node.account}"
        return await self._steps.operations.run(kind, target, "connecting…", work, must_finish=True)


def _closing(user: str, names: Sequence[str], *, chosen: bool) -> str:
    where = f"{user} on {', '.join(names)}"
    if chosen:
        return f"{where} loses its last usable line: no key opens it after that"
    return f"{where} keeps the key: it is the last usable line of that account"


def _accounts(node: Node, removal: KeyRemoval) -> list[Node]:
    """The accounts that the key was taken out of, each once, in the order of the writes."""
    names = dict.fromkeys(owner_of(write.file) for write in removal.writes)
    return [node if name is None else replace(node, user=name, other_account=True) for name in names]


def _unfit_for_rotation(node: Node, account: AccountKeys, old: PublicKey) -> Result | None:
    """Why an account has nothing to rotate; None when it has."""
    cells = [cell for cell in cells_of(account, old) if cell.state is not CellState.CA]
    if not cells:
        return Result(node.account, ok=True, changed=False, detail="the old key is not there: nothing to rotate")
    if cells[0].options:
        detail = f"the old key is there with options ({cells[0].options}), which a plain new line would lift"
        return Result(node.account, ok=False, changed=False, detail=detail)
    return None


def _refusal_proven(proof: Proof) -> bool | None:
    """The contract's `proven` of a revocation: None where nothing here can try the key."""
    return None if proof.state is ProofState.NOT_POSSIBLE else proof.refused


def _refusal_words(proof: Proof) -> str:
    if proof.state is ProofState.PROVEN:
        return "BUT IT STILL LOGS IN: sshd reads it somewhere else"
    return "a fresh login with it is refused" if proof.refused else proof.detail


def _proof_note(key: PublicKey, words: str) -> str:
    return (
        words if key.private_path or key.in_agent else "its private half is not here: that it is refused is not tried"
    )


def _where(nodes: Sequence[Node]) -> str:
    return nodes[0].account if len(nodes) == 1 else f"{len(nodes)} nodes"
