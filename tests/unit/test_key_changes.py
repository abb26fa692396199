"""Undo, revoke and rotate as the engine carries them out: what is kept, what is proven, what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceConflict, SourceRefused, UsageError
from homelab_tui.domain.keys import (
    AccountKeys,
    CellState,
    FoundAccount,
    KeyCell,
    KeyRemoval,
    KeyWrite,
    Proof,
    ProofState,
    PublicKey,
)
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.key_changes import KeyChanges
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.keys import KeyActions
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.store import Store
from tests.fakes import FakeClock, FakeSsh

NODE = Node("nuc01", "nuc01", user="kkato")
OLD = PublicKey("ssh-ed25519", b"old", "old@desk", fingerprint="SHA256:old", private_path="/keys/old")
NEW = PublicKey("ssh-ed25519", b"new", "new@desk", fingerprint="SHA256:new", private_path="/keys/new")
REFUSED = Proof(ProofState.FAILED, "sshd refused the key", refused=True)


class Desk:
    """The acts on keys over an SSH in memory."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.ssh, self.clock, self.directory = FakeSsh(), FakeClock(), directory
        operations = Operations(Store(LabState()), ActivityLog(directory, self.clock), self.clock)

        async def reread(_node: Node, _known: object) -> None:
            return None

        steps = KeySteps(self.ssh, operations, self.clock, directory, read_only=read_only, reread=reread)
        self.keys, self.changes = KeyActions(steps), KeyChanges(steps)

    @property
    def kept(self) -> list[Path]:
        directory = self.directory / "undo"
        return sorted(directory.iterdir()) if directory.exists() else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_push_is_undone_with_the_very_bytes_of_before_and_only_once(desk: Desk) -> None:
    await desk.keys.push(NODE, NEW)
    assert [path.read_bytes() for path in desk.kept] == [b"old\n"]
    assert desk.kept[0].stat().st_mode & 0o777 == 0o600
    plan = desk.changes.plan_undo([NODE])
    assert plan.is_allowed
    assert ".ssh/authorized_keys as before 2026-11-23 06:30:00 UTC" in plan.steps[0].text
    result = await desk.changes.undo(NODE)
    assert (result.ok, result.changed) == (True, True)
    assert desk.kept == []
    again = await desk.changes.undo(NODE)
    assert (again.ok, again.changed) == (True, False)
    assert desk.ssh.called("restore_file") == ["nuc01"]


async def test_an_undo_that_is_refused_can_be_tried_again(desk: Desk) -> None:
    await desk.keys.push(NODE, NEW)
    desk.ssh.writes["nuc01"] = SourceConflict("nuc01: changed since")
    result = await desk.changes.undo(NODE)
    assert (result.ok, result.changed, result.detail) == (False, False, "nuc01: changed since")
    assert desk.changes.undoable([NODE]) == [NODE]


async def test_undo_takes_the_newest_write_of_that_account_alone(desk: Desk) -> None:
    other = replace(NODE, user="root", other_account=True)
    await desk.keys.push(NODE, NEW)
    desk.clock.advance(5)
    desk.ssh.writes["nuc01"] = KeyWrite(True, "added", b"second\n", b"third\n", ".ssh/~odd~name")
    await desk.keys.push(NODE, OLD)
    assert desk.changes.undoable([other]) == []
    assert ".ssh/~odd~name as before 2026-11-23 06:30:05" in desk.changes.plan_undo([NODE]).steps[0].text


async def test_both_files_of_a_revocation_are_undone_together(desk: Desk) -> None:
    writes = (
        KeyWrite(True, "removed", b"a\n", b"", ".ssh/authorized_keys"),
        KeyWrite(True, "removed", b"b\n", b"", ".ssh/authorized_keys2"),
    )
    desk.ssh.removals["nuc01"] = KeyRemoval("removed", ("line 1", "line 1"), writes)
    desk.ssh.proofs["nuc01"] = REFUSED
    result = await desk.changes.revoke(NODE, OLD)
    assert (result.ok, result.changed, result.proven) == (True, True, True)
    assert len(desk.kept) == 2
    await desk.changes.undo(NODE)
    assert desk.ssh.called("restore_file") == ["nuc01", "nuc01"]
    assert desk.kept == []


@pytest.mark.parametrize(
    ("proof", "ok", "proven", "words"),
    [
        (REFUSED, True, True, "a fresh login with it is refused"),
        (Proof(ProofState.PROVEN, "proven"), False, False, "BUT IT STILL LOGS IN"),
        (Proof(ProofState.NOT_POSSIBLE, "not proven: no private half"), True, None, "no private half"),
        (SourceRefused("no way there"), False, False, "not proven: no way there"),
    ],
)
async def test_a_revocation_counts_only_as_far_as_it_is_proven(
    desk: Desk, proof: Proof | Exception, ok: bool, proven: bool | None, words: str
) -> None:
    desk.ssh.proofs["nuc01"] = proof
    result = await desk.changes.revoke(NODE, OLD)
    assert (result.ok, result.changed, result.proven) == (ok, True, proven)
    assert words in result.detail


async def test_what_the_node_refuses_to_remove_is_said_and_nothing_is_kept(desk: Desk) -> None:
    desk.ssh.removals["nuc01"] = SourceRefused("nuc01: refused: it is the last usable line of the account")
    result = await desk.changes.revoke(NODE, OLD)
    assert (result.ok, result.changed) == (False, False)
    assert "the last usable line" in result.detail
    assert desk.kept == []


def holding(cell: KeyCell) -> AccountKeys:
    return AccountKeys("kkato", "/home/kkato", (cell,))


async def test_a_rotation_adds_proves_and_only_then_removes(desk: Desk) -> None:
    desk.ssh.accounts["nuc01"] = holding(KeyCell("SHA256:old", CellState.PRESENT, 1))
    proofs = iter([Proof(ProofState.PROVEN, "proven"), REFUSED])
    prove = desk.ssh.prove

    async def one_after_the_other(node: Node, key: PublicKey) -> Proof:
        desk.ssh.proofs["nuc01"] = next(proofs)
        return await prove(node, key)

    desk.ssh.prove = one_after_the_other  # type: ignore[method-assign]
    result = await desk.changes.rotate(NODE, OLD, NEW)
    assert (result.ok, result.proven) == (True, True)
    acts = [name for name, _ in desk.ssh.calls if name in ("add_key", "prove", "remove_key")]
    assert acts == ["add_key", "prove", "remove_key", "prove"]


async def test_a_new_key_that_is_not_proven_takes_nothing_away(desk: Desk) -> None:
    desk.ssh.accounts["nuc01"] = holding(KeyCell("SHA256:old", CellState.PRESENT, 1))
    desk.ssh.proofs["nuc01"] = Proof(ProofState.FAILED, "sshd refused the key: ~/.ssh is writable by others")
    result = await desk.changes.rotate(NODE, OLD, NEW)
    assert (result.ok, result.changed, result.proven) == (False, True, False)
    assert "the old key stays" in result.detail
    assert desk.ssh.called("remove_key") == []


@pytest.mark.parametrize(
    ("account", "ok", "words"),
    [
        (AccountKeys("kkato", "/home/kkato"), True, "nothing to rotate"),
        (holding(KeyCell("SHA256:old", CellState.RESTRICTED, 1, options='from="10.0.0.1"')), False, "would lift"),
    ],
)
async def test_an_account_without_the_old_key_or_with_conditions_on_it_is_left_alone(
    desk: Desk, account: AccountKeys, ok: bool, words: str
) -> None:
    desk.ssh.accounts["nuc01"] = account
    result = await desk.changes.rotate(NODE, OLD, NEW)
    assert (result.ok, result.changed) == (ok, False)
    assert words in result.detail
    assert desk.ssh.called("add_key") == []


def test_a_new_key_that_cannot_be_proven_from_here_is_no_rotation(desk: Desk) -> None:
    plan = desk.changes.plan_rotate(LabState(), OLD, replace(NEW, private_path=None), [NODE])
    assert not plan.is_allowed
    with pytest.raises(UsageError, match="the same key"):
        desk.changes.plan_rotate(LabState(), OLD, replace(OLD, comment="other"), [NODE])


@pytest.mark.parametrize(
    "act",
    [
        lambda desk: desk.changes.undo(NODE),
        lambda desk: desk.changes.revoke(NODE, OLD),
        lambda desk: desk.changes.rotate(NODE, OLD, NEW),
    ],
)
async def test_read_only_sends_nothing(tmp_path: Path, act: Callable[[Desk], object]) -> None:
    desk = Desk(tmp_path, read_only=True)
    result = await act(desk)  # type: ignore[misc]
    assert (result.ok, result.changed) == (False, False)
    assert "read_only" in result.detail
    assert desk.ssh.calls == []


async def test_a_key_that_was_also_roots_is_proven_refused_in_both_accounts(desk: Desk) -> None:
    desk.ssh.removals["nuc01"] = KeyRemoval(
        "removed",
        ("line 2",),
        (
            KeyWrite(True, "removed", b"a\nb\n", b"a\n"),
            KeyWrite(True, "removed", b"c\n", b"", "~root/.ssh/authorized_keys"),
        ),
    )
    desk.ssh.proofs["nuc01"] = Proof(ProofState.FAILED, "refused", refused=True)
    result = await desk.changes.revoke(NODE, OLD)
    assert (result.ok, result.proven, desk.ssh.called("prove")) == (True, True, ["nuc01", "nuc01"])
    assert desk.ssh.proven_as == ["kkato", "root"]
    undone = await desk.changes.undo(NODE)
    assert undone.ok
    assert desk.ssh.called("restore_file") == ["nuc01", "nuc01"]


@pytest.mark.parametrize(
    ("cells", "closed"),
    [
        ((KeyCell("SHA256:old", CellState.PRESENT, 1),), True),
        ((KeyCell("SHA256:old", CellState.DUPLICATE, 1),), True),
        ((KeyCell("SHA256:old", CellState.RESTRICTED, 1, "no-pty"),), True),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.EXPIRED, 2)), True),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.IGNORED, 2)), True),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.CA, 2)), True),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.RESTRICTED, 2, "from=x")), True),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.RESTRICTED, 2, "no-pty")), False),
        ((KeyCell("SHA256:old", CellState.PRESENT, 1), KeyCell("SHA256:b", CellState.PRESENT, 2)), False),
        ((KeyCell("SHA256:old", CellState.EXPIRED, 1),), False),  # it opens nothing: nothing is closed
        ((KeyCell("SHA256:b", CellState.PRESENT, 1),), False),
        ((), False),
    ],
)
def test_the_plan_says_which_other_account_keeps_its_last_usable_line(
    desk: Desk, cells: tuple[KeyCell, ...], closed: bool
) -> None:
    account = AccountKeys("kkato", "/home/kkato", others=(FoundAccount("root", "/root", cells),))
    state = LabState(accounts=(("nuc01", Reading(value=account)),))
    plan = desk.changes.plan_revoke(state, OLD, [NODE])
    assert [("root on nuc01 keeps the key" in warning) for warning in plan.warnings] == [True] * closed
    chosen = desk.changes.plan_revoke(state, OLD, [NODE], ("root",))
    assert [("root on nuc01 loses its last usable line" in warning) for warning in chosen.warnings] == [True] * closed


async def test_who_may_be_closed_is_told_to_the_node(desk: Desk) -> None:
    await desk.changes.revoke(NODE, OLD, ("root",))
    assert desk.ssh.closed == [("root",)]
