"""`chmod go-w` as the engine carries it out: what is planned, what is proven, what is told."""

from pathlib import Path

import pytest

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused
from homelab_tui.domain.keys import AccountKeys, CellState, KeyCell, ModesMended, Proof, ProofState, PublicKey
from homelab_tui.domain.loose_modes import LooseModes, LoosePath
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.key_modes import KeyModes, is_unread, loose_of, settled, why_nothing_to_mend
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.store import Store
from tests.fakes import FakeClock, FakeSsh

NODE = Node("nuc01", "10.0.0.1", user="me")
HOME = LoosePath("/home/me", 0o775)
FILE = LoosePath("/home/me/.ssh/authorized_keys", 0o666)
KEY = PublicKey("ssh-ed25519", b"k", fingerprint="SHA256:k", private_path="/keys/k")
FOUND = AccountKeys("me", "/home/me", loose=LooseModes((HOME, FILE)))
CELL = KeyCell("SHA256:k", CellState.PRESENT, 1)


class Desk:
    """The act over an SSH in memory."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.ssh, clock = FakeSsh(), FakeClock()
        self.ssh.my_keys = (KEY,)
        self.known: list[AccountKeys | None] = []
        operations = Operations(Store(LabState()), ActivityLog(directory, clock), clock)

        async def reread(_node: Node, known: AccountKeys | None) -> None:
            self.known.append(known)

        steps = KeySteps(self.ssh, operations, clock, directory, read_only=read_only, reread=reread)
        self.modes = KeyModes(steps)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def state_of(account: AccountKeys | None, problem: str | None = None) -> LabState:
    return LabState(accounts=((NODE.account, Reading(value=account, problem=problem)),))


def test_the_plan_has_a_line_for_each_path_and_says_what_it_cannot_do(desk: Desk) -> None:
    beyond = replace(FOUND, loose=LooseModes((HOME, FILE), ("/x belongs to uid 0",)))
    plan = desk.modes.plan(state_of(beyond), [NODE])
    assert [(step.target, step.text) for step in plan.steps] == [
        ("nuc01", "/home/me 775 → 755"),
        ("nuc01", "/home/me/.ssh/authorized_keys 666 → 644"),
    ]
    assert plan.warnings == ("nuc01: /x belongs to uid 0",)
    assert plan.is_allowed


async def test_read_only_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, read_only=True)
    assert not desk.modes.plan(state_of(FOUND), [NODE]).is_allowed
    assert not (await desk.modes.mend(NODE, (HOME,))).ok
    assert desk.ssh.calls == []


async def test_what_is_mended_is_proven_with_a_key_that_was_ignored_and_the_undo_is_named(desk: Desk) -> None:
    now = AccountKeys("me", "/home/me", cells=(CELL,))
    desk.ssh.modes["nuc01"] = ModesMended((HOME, FILE), now, opened=("SHA256:k",))
    result = await desk.modes.mend(NODE, (HOME, FILE))
    assert (result.ok, result.changed, result.proven) == (True, True, True)
    assert result.detail.endswith("undo: chmod g+w /home/me; chmod go+w /home/me/.ssh/authorized_keys")
    assert desk.ssh.mended == [(HOME, FILE)]
    assert desk.ssh.called("prove") == ["nuc01"]
    assert desk.known == [now]


@pytest.mark.parametrize("opened", [(), ("SHA256:other",)])
async def test_without_a_key_of_mine_that_was_ignored_it_is_not_called_proven(
    desk: Desk, opened: tuple[str, ...]
) -> None:
    now = AccountKeys("me", "/home/me", cells=(CELL,))
    desk.ssh.modes["nuc01"] = ModesMended((HOME,), now, opened=opened)
    result = await desk.modes.mend(NODE, (HOME,))
    assert (result.ok, result.proven) == (True, None)
    assert "not proven" in result.detail
    assert desk.ssh.called("prove") == []


async def test_a_failed_proof_and_a_fault_that_is_left_are_failures_that_name_the_undo(desk: Desk) -> None:
    now = AccountKeys("me", "/home/me", cells=(CELL,))
    desk.ssh.modes["nuc01"] = ModesMended((HOME,), now, opened=("SHA256:k",))
    desk.ssh.proofs["nuc01"] = Proof(ProofState.FAILED, "sshd refused the key", refused=True)
    result = await desk.modes.mend(NODE, (HOME,))
    assert (result.ok, result.changed, result.proven) == (False, True, False)
    assert "undo: chmod g+w /home/me" in result.detail
    left = AccountKeys("me", "/home/me", loose=LooseModes((FILE,)))
    desk.ssh.modes["nuc01"] = ModesMended((HOME,), left, problem="it is a link now: /home/me/.ssh")
    result = await desk.modes.mend(NODE, (HOME, FILE))
    assert (result.ok, result.changed) == (False, True)
    assert "it is a link now: /home/me/.ssh; sshd still minds: /home/me/.ssh/authorized_keys 666 → 644" in result.detail


async def test_a_key_file_that_is_wrong_does_not_hide_what_was_done(desk: Desk) -> None:
    desk.ssh.my_keys = SourceRefused("no key")
    result = await desk.modes.mend(NODE, (HOME,))
    assert (result.ok, result.changed, result.proven) == (True, True, None)


async def test_an_account_that_only_a_password_opens_is_looked_at_with_it(desk: Desk) -> None:
    desk.ssh.accounts["nuc01"] = CredentialsNeeded("no key opens it", password_possible=True)
    desk.ssh.behind_password["nuc01"] = FOUND
    shut = await desk.modes.look(NODE)
    assert shut is not None
    assert (shut.ok, desk.modes.wants_password(NODE)) == (False, True)
    assert await desk.modes.look(NODE, Secret("x")) is None
    assert not desk.modes.wants_password(NODE)
    assert desk.known == [FOUND]
    desk.ssh.modes["nuc01"] = CredentialsNeeded("no key opens it", password_possible=True)
    assert not (await desk.modes.mend(NODE, (HOME,))).changed
    assert desk.modes.wants_password(NODE)
    assert (await desk.modes.mend(NODE, (HOME,), Secret("x"))).changed


def test_an_account_without_a_finding_says_so() -> None:
    sound = AccountKeys("me", "/home/me")
    assert why_nothing_to_mend(state_of(FOUND), NODE) is None
    assert why_nothing_to_mend(state_of(sound), NODE) == "nobody else may write to home, .ssh or authorized_keys there"
    assert settled(state_of(sound), NODE).ok
    beyond = replace(sound, loose=LooseModes(beyond=("/x belongs to uid 0",)))
    assert why_nothing_to_mend(state_of(beyond), NODE) == "/x belongs to uid 0"
    assert not settled(state_of(beyond), NODE).ok
    assert why_nothing_to_mend(state_of(None), NODE) == "nuc01 is not read yet"
    assert why_nothing_to_mend(state_of(None, "no key opens it"), NODE) is None
    assert why_nothing_to_mend(state_of(sound, "no key opens it any more"), NODE) is None
    assert is_unread(state_of(sound, "no key opens it any more"), NODE)
    assert is_unread(state_of(None), NODE)
    assert not is_unread(state_of(sound), NODE)
    assert settled(state_of(None, "no key opens it"), NODE).detail == "no key opens it"
    assert loose_of(state_of(None), NODE) == LooseModes()
