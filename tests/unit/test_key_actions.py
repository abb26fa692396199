"""Pushing a key: the host key first, nothing lost, nobody locked out, and the truth about what was done."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab_tui.config.model import Config, SafetyConfig
from homelab_tui.domain.errors import (
    ActionRefused,
    CredentialsNeeded,
    HostKeyChanged,
    PasswordExpired,
    SourceConflict,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
    UsageError,
)
from homelab_tui.domain.keys import (
    AccountKeys,
    BeforeWrite,
    CellState,
    HostKey,
    HostKeyState,
    KeyCell,
    KeyWrite,
    Proof,
    ProofState,
    PublicKey,
)
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.engine.key_steps import changed_host_key
from homelab_tui.engine.keys import PushAnswers, find_key
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from tests.fakes import TRUSTED, FakeClock, FakeSsh, disk_space
from tests.labs import until

KEY = PublicKey(
    "ssh-ed25519",
    b"blob",
    "kkato@desk",
    "/home/me/.ssh/id_ed25519.pub",
    fingerprint="SHA256:mine",
    private_path="/home/me/.ssh/id_ed25519",
)
UNKNOWN = replace(TRUSTED, state=HostKeyState.UNKNOWN)
CHANGED = replace(
    TRUSTED, state=HostKeyState.CHANGED, known_at="/home/me/.ssh/known_hosts:7", known_fingerprint="SHA256:old"
)
REVOKED = replace(TRUSTED, state=HostKeyState.REVOKED, known_at="/home/me/.ssh/known_hosts:9")
NODES = tuple(Node(f"rpi0{number}", f"10.0.0.{number}", user="kkato") for number in range(1, 9))
RPI01 = NODES[0]


class Rig:
    """A lab of eight nodes."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.ssh = FakeSsh()
        self.clock = FakeClock()
        self.state_dir = directory / "state"
        config = Config(nodes=NODES, safety=SafetyConfig(read_only=read_only))
        self.lab = Lab(config, Sources(self.ssh), self.state_dir, self.clock)

    async def push(self, node: Node = RPI01, answers: PushAnswers | None = None) -> Result:
        return await self.lab.keys.push(node, KEY, answers)

    @property
    def pre_images(self) -> list[Path]:
        directory = self.state_dir / "undo"
        return sorted(directory.iterdir()) if directory.exists() else []


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_push_writes_proves_and_reads_again(rig: Rig) -> None:
    result = await rig.push()
    assert result == Result("rpi01", True, True, "one line added; proven by a fresh login", proven=True)
    order = [name for name, _ in rig.ssh.calls]
    assert order[:2] == ["add_key", "prove"]
    assert "read_account" in order[2:]


async def test_the_bytes_before_are_kept_private_for_undo(rig: Rig) -> None:
    await rig.push()
    (path,) = rig.pre_images
    assert path.read_bytes() == b"old\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.name.startswith("rpi01~kkato~20261123T063000")


async def test_a_file_that_did_not_exist_is_remembered_as_such(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = KeyWrite(True, "file made", None, b"new\n")
    await rig.push()
    (path,) = rig.pre_images
    assert path.name.endswith(".none")


async def test_a_key_that_is_there_already_is_proven_and_leaves_no_pre_image(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = KeyWrite(False, "already there", b"old\n", b"old\n")
    result = await rig.push()
    assert (result.ok, result.changed, result.proven) == (True, False, True)
    assert rig.pre_images == []


async def test_two_pushes_in_the_same_moment_keep_two_pre_images(rig: Rig) -> None:
    other = replace(RPI01, user="root", other_account=True)
    await asyncio.gather(rig.push(), rig.push(other))
    assert len(rig.pre_images) == 2


# The host key


@pytest.mark.parametrize("shown", [UNKNOWN, replace(UNKNOWN, state=HostKeyState.NEW_TYPE), CHANGED, REVOKED])
async def test_without_trust_nothing_is_sent(rig: Rig, shown: HostKey) -> None:
    rig.ssh.host_keys["rpi01"] = shown
    result = await rig.push(answers=PushAnswers(password=Secret("hunter2")))
    assert (result.ok, result.changed) == (False, False)
    assert rig.ssh.called("add_key") == []
    assert shown.fingerprint in result.detail
    assert "hunter2" not in result.detail


@pytest.mark.parametrize("shown", [CHANGED, REVOKED])
async def test_not_even_a_fingerprint_opens_a_changed_or_revoked_host_key(rig: Rig, shown: HostKey) -> None:
    rig.ssh.host_keys["rpi01"] = shown
    result = await rig.push(answers=PushAnswers(fingerprint=shown.fingerprint))
    assert not result.ok
    assert rig.ssh.called("trust") == rig.ssh.called("add_key") == []


async def test_the_right_fingerprint_is_trusted_first(rig: Rig) -> None:
    rig.ssh.host_keys["rpi01"] = UNKNOWN
    assert (await rig.push(answers=PushAnswers(fingerprint="SHA256:host"))).ok
    assert [name for name, _ in rig.ssh.calls][:3] == ["host_key", "trust", "add_key"]


async def test_a_wrong_fingerprint_sends_nothing(rig: Rig) -> None:
    rig.ssh.host_keys["rpi01"] = UNKNOWN
    rig.ssh.trust_says["rpi01"] = SourceConflict("it shows SHA256:host, not SHA256:other; nothing was written")
    result = await rig.push(answers=PushAnswers(fingerprint="SHA256:other"))
    assert not result.ok
    assert rig.ssh.called("add_key") == []


@pytest.mark.parametrize("trusted_before", [None, "SHA256:host"])
async def test_a_host_key_that_has_changed_stops_the_write_in_words_that_need_no_second_look(
    rig: Rig, trusted_before: str | None
) -> None:
    rig.ssh.writes["rpi01"] = HostKeyChanged("rpi01: THE HOST KEY …", CHANGED)
    result = await rig.push(answers=PushAnswers(fingerprint=trusted_before))
    assert (result.ok, result.changed, result.target) == (False, False, "rpi01")
    assert result.detail == changed_host_key(RPI01, CHANGED)
    assert rig.ssh.called("prove") == []
    assert rig.pre_images == []


@pytest.mark.parametrize("shown", [UNKNOWN, CHANGED])
async def test_no_password_is_asked_for_behind_a_host_key_that_is_not_trusted(rig: Rig, shown: HostKey) -> None:
    rig.ssh.closed_since_before["rpi01"] = CredentialsNeeded("no key opens it, as a moment ago", password_possible=True)
    rig.ssh.host_keys["rpi01"] = shown
    result = await rig.push()
    assert shown.fingerprint in result.detail
    assert "password" not in result.detail
    assert not rig.lab.keys.wants_password(RPI01)


def test_the_sentence_for_a_changed_host_key_names_both_keys_the_line_and_the_way_out() -> None:
    text = changed_host_key(RPI01, CHANGED)
    for part in ("HOST KEY CHANGED", "SHA256:host", "SHA256:old", "known_hosts:7", "Nothing was sent", "ssh-keygen -R"):
        assert part in text
    assert "@revoked" in changed_host_key(RPI01, REVOKED)


# Each stage's failure


@pytest.mark.parametrize("error", [SourceTimeout("no answer within 3 s"), SourceUnreachable("connection refused")])
@pytest.mark.parametrize("stage", ["host_keys", "writes"])
async def test_a_failure_before_or_in_the_write_is_told_and_not_proven(rig: Rig, stage: str, error: Exception) -> None:
    getattr(rig.ssh, stage)["rpi01"] = error
    result = await rig.push()
    assert (result.ok, result.changed, result.proven) == (False, False, None)
    assert result.detail == str(error)
    assert rig.pre_images == []


async def test_a_refused_proof_is_a_failure_that_still_says_what_was_written(rig: Rig) -> None:
    rig.ssh.proofs["rpi01"] = Proof(ProofState.FAILED, "sshd refused the key: /home/kkato is group writable")
    result = await rig.push()
    assert (result.ok, result.changed, result.proven) == (False, True, False)
    assert "group writable" in result.detail


@pytest.mark.parametrize("error", [SourceTimeout("no answer within 3 s"), KeyError("bug")])
async def test_a_proof_that_cannot_be_made_does_not_hide_the_write(rig: Rig, error: Exception) -> None:
    rig.ssh.proofs["rpi01"] = error
    result = await rig.push()
    assert (result.ok, result.changed, result.proven) == (False, True, False)
    assert "one line added" in result.detail
    assert len(rig.pre_images) == 1


async def test_a_key_without_its_private_half_is_pushed_and_not_proven(rig: Rig) -> None:
    rig.ssh.proofs["rpi01"] = Proof(ProofState.NOT_POSSIBLE, "not proven: its private half is not here")
    result = await rig.push()
    assert (result.ok, result.changed, result.proven) == (True, True, None)


async def test_reading_again_may_fail_without_changing_the_result(rig: Rig) -> None:
    rig.ssh.accounts["rpi01"] = SourceTimeout("no answer")
    assert (await rig.push()).ok


async def test_a_password_that_would_do_is_said_and_remembered_until_the_next_push(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = CredentialsNeeded("no key of yours opens kkato@rpi01", password_possible=True)
    result = await rig.push()
    assert "a password would do" in result.detail
    assert rig.lab.keys.wants_password(RPI01)
    assert not rig.lab.keys.wants_password(NODES[1])
    del rig.ssh.writes["rpi01"]
    await rig.push()
    assert not rig.lab.keys.wants_password(RPI01)


async def test_an_account_that_takes_no_password_is_not_asked_for_one(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = CredentialsNeeded("no key opens it", password_possible=False)
    assert "password" not in (await rig.push()).detail
    assert not rig.lab.keys.wants_password(RPI01)


async def test_a_full_disk_here_keeps_the_write_there_from_beginning(rig: Rig) -> None:
    rig.state_dir.mkdir()
    (rig.state_dir / "undo").write_text("not a directory")
    result = await rig.push()
    assert (result.ok, result.changed) == (False, False)
    assert "could not be kept" in result.detail
    assert rig.ssh.called("add_key") == []


async def test_a_disk_that_fills_up_meanwhile_keeps_the_write_from_being_sent(rig: Rig) -> None:
    with disk_space(2):
        result = await rig.push()
    assert (result.ok, result.changed) == (False, False)
    assert "nothing was sent" in result.detail
    assert rig.pre_images == [], "no half of a pre-image is left that an undo could take for the whole"


SENT = KeyWrite(True, "one line added", b"old\n", b"old\nnew\n")


async def test_the_bytes_before_are_kept_before_the_write_is_sent(rig: Rig) -> None:
    rig.ssh.hold = asyncio.Event()
    push = asyncio.create_task(rig.push())
    await until(lambda: rig.ssh.called("add_key"))
    (path,) = rig.pre_images
    assert path.read_bytes() == b"old\n"  # a kill -9 now leaves it here
    rig.ssh.hold.set()
    await push
    assert rig.pre_images == [path]


@pytest.mark.parametrize(
    ("error", "kept"),
    [(SourceTimeout("late"), 1), (SourceUnreachable("cut"), 1), (KeyError("bug"), 1), (SourceConflict("moved"), 0)],
)
async def test_a_write_that_may_have_arrived_can_be_undone_and_one_that_did_not_cannot(
    rig: Rig, error: Exception, kept: int
) -> None:
    rig.ssh.sent["rpi01"] = SENT
    rig.ssh.writes["rpi01"] = error
    assert not (await rig.push()).ok
    assert len(rig.pre_images) == kept


async def test_a_thread_that_was_given_up_keeps_nothing_and_sends_nothing_when_it_comes_late(rig: Rig) -> None:
    late: list[Callable[[], None]] = []

    async def add_key(_node: Node, _key: PublicKey, *, before_write: BeforeWrite, **_more: object) -> KeyWrite:
        late.append(lambda: before_write(SENT))
        raise SourceTimeout("rpi01: gave up after 8 s")

    rig.ssh.add_key = add_key  # type: ignore[method-assign, assignment]
    assert "gave up" in (await rig.push()).detail
    with pytest.raises(ActionRefused, match="nothing was sent"):
        await asyncio.to_thread(late[0])
    assert rig.pre_images == []


async def test_an_attempt_that_lost_a_race_is_not_what_would_be_undone(rig: Rig) -> None:
    rig.ssh.sent["rpi01"] = SENT
    rig.ssh.writes["rpi01"] = KeyWrite(True, "added at the second try", b"theirs\n", b"theirs\nnew\n")
    await rig.push()
    (path,) = rig.pre_images
    assert path.read_bytes() == b"theirs\n"


async def test_one_dead_node_does_not_stop_the_other_seven(rig: Rig) -> None:
    rig.ssh.host_keys["rpi03"] = SourceTimeout("rpi03: no answer within 3 s (port 22)")
    rig.ssh.writes["rpi05"] = ZeroDivisionError("bug")
    results = await asyncio.gather(*(rig.push(node) for node in NODES))
    assert [result.target for result in results if not result.ok] == ["rpi03", "rpi05"]
    assert len(rig.ssh.called("prove")) == 6


async def test_the_same_account_twice_at_once_is_written_once(rig: Rig) -> None:
    first, second = await asyncio.gather(rig.push(), rig.push())
    assert sorted((first.ok, second.ok)) == [False, True]
    assert rig.ssh.called("add_key") == ["rpi01"]


async def test_read_only_sends_nothing_and_trusts_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, read_only=True)
    rig.ssh.host_keys["rpi01"] = UNKNOWN
    results = [await rig.push(), await rig.lab.keys.trust(RPI01, "SHA256:host")]
    assert all(not result.ok and "read_only" in result.detail for result in results)
    assert rig.ssh.calls == []
    assert not rig.lab.keys.plan_push(rig.lab.store.state, KEY, [RPI01]).is_allowed


# Closing


async def test_closing_waits_for_a_write_that_has_begun_and_leaves_the_proof_out(rig: Rig) -> None:
    rig.ssh.hold = asyncio.Event()
    push = asyncio.create_task(rig.push())
    await until(lambda: rig.ssh.called("add_key"))
    closing = asyncio.create_task(rig.lab.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    rig.ssh.hold.set()
    await asyncio.wait_for(closing, 2)
    result = await push
    assert (result.ok, result.changed, result.proven) == (True, True, None)
    assert len(rig.pre_images) == 1
    assert rig.ssh.called("prove") == []


async def test_closing_before_the_write_sends_nothing(rig: Rig) -> None:
    rig.ssh.hold_host_key = asyncio.Event()
    push = asyncio.create_task(rig.push())
    await until(lambda: rig.lab.busy == 1)
    await asyncio.wait_for(rig.lab.close(), 2)
    result = await push
    assert (result.ok, result.changed) == (False, False)
    assert "before anything was sent" in result.detail
    assert rig.ssh.called("add_key") == []


async def test_a_closed_screen_does_not_cut_a_write(rig: Rig) -> None:
    rig.ssh.hold = asyncio.Event()
    push = asyncio.create_task(rig.push())
    await until(lambda: rig.ssh.called("add_key"))
    push.cancel()
    await asyncio.gather(push, return_exceptions=True)
    rig.ssh.hold.set()
    await until(lambda: rig.lab.busy == 0)
    assert len(rig.pre_images) == 1


# Trust


async def test_an_unknown_host_key_is_trusted_and_the_account_read(rig: Rig) -> None:
    rig.ssh.host_keys["rpi01"] = UNKNOWN
    result = await rig.lab.keys.trust(RPI01, "SHA256:host")
    assert (result.ok, result.changed, result.target) == (True, True, "rpi01")
    assert rig.ssh.called("read_account") == ["rpi01"]


async def test_a_trusted_host_key_is_left_as_it_is(rig: Rig) -> None:
    result = await rig.lab.keys.trust(RPI01, "SHA256:host")
    assert (result.ok, result.changed) == (True, False)
    assert rig.ssh.called("trust") == []


async def test_a_host_key_that_changed_since_it_was_compared_is_not_trusted(rig: Rig) -> None:
    rig.ssh.host_keys["rpi01"] = UNKNOWN
    rig.ssh.trust_says["rpi01"] = SourceConflict("it shows SHA256:b, not SHA256:a; nothing was written")
    result = await rig.lab.keys.trust(RPI01, "SHA256:a")
    assert (result.ok, result.changed) == (False, False)


# The plan


async def test_the_plan_says_per_account_what_is_known_to_happen(rig: Rig) -> None:
    cell = KeyCell("SHA256:mine", CellState.PRESENT, 3)
    rig.ssh.accounts = {
        "rpi01": AccountKeys("kkato", "/home/kkato", (cell,)),
        "rpi02": AccountKeys("kkato", "/home/kkato", (replace(cell, state=CellState.RESTRICTED, options="no-pty"),)),
        "rpi04": SourceTimeout("no answer"),
    }
    rig.ssh.host_keys["rpi05"] = CHANGED
    state = await rig.lab.read(("keys",))
    plan = rig.lab.keys.plan_push(state, KEY, NODES[:5])
    assert plan.title == "Push kkato@desk to 5 nodes"
    assert [step.text for step in plan.steps[:4]] == [
        "already there: proven only",
        "there, but restricted (no-pty): left as it is",
        "one line is added (0 keys there now)",
        "not read yet, host key trusted",
    ]
    assert "changed" in plan.warnings[0]


async def test_the_plan_judges_another_account_by_its_own_host_key(rig: Rig) -> None:
    root = replace(RPI01, user="root", other_account=True)
    rig.ssh.host_keys["rpi01"] = CHANGED
    state = await rig.lab.read(("keys",), accounts=[root])
    plan = rig.lab.keys.plan_push(state, KEY, [root])
    assert plan.steps[0].target == "root@rpi01"
    assert "changed" in plan.warnings[0]


# Which key


OTHER = replace(KEY, fingerprint="SHA256:other", comment="work", path="/home/me/.ssh/work.pub", blob=b"2")
AGENT = replace(KEY, path=None, private_path=None, in_agent=True, comment="")


@pytest.mark.parametrize("text", ["SHA256:mine", "kkato@desk", "id_ed25519", "/home/me/.ssh/id_ed25519.pub"])
def test_a_key_is_named_by_fingerprint_comment_stem_or_path(text: str) -> None:
    assert find_key([AGENT, KEY, OTHER, AGENT], text) is KEY


def test_two_keys_with_one_comment_are_ambiguous() -> None:
    with pytest.raises(UsageError, match=r"SHA256:mine, SHA256:other"):
        find_key([KEY, replace(OTHER, comment="kkato@desk")], "kkato@desk")


@pytest.mark.parametrize("text", ["", "SHA256:none", "nothing", "~nobody-at-all/x.pub", "\0", "/home/me/.ssh/x.pub"])
def test_a_key_that_is_not_mine_is_refused_and_mine_are_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"id_ed25519\.pub"):
        find_key([KEY, AGENT], text)


def test_a_private_key_file_is_refused_by_name(tmp_path: Path) -> None:
    private = tmp_path / "id_x"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n")
    with pytest.raises(UsageError, match=r"id_x\.pub") as caught:
        find_key([KEY], str(private))
    assert "secret" not in str(caught.value)


async def test_any_pub_file_can_be_pushed(rig: Rig, tmp_path: Path) -> None:
    rig.ssh.my_keys = (KEY,)
    (tmp_path / "friend.pub").write_text("ssh-ed25519 AAAA friend\n")
    assert (await rig.lab.keys.find(str(tmp_path / "friend.pub"))).fingerprint == "SHA256:friend"
    assert await rig.lab.keys.find("kkato@desk") is KEY
    with pytest.raises(UsageError):
        await rig.lab.keys.find(str(tmp_path / "missing.pub"))


# A password that has expired

OLD, NEW = Secret("ubuntu"), Secret("correct horse")


async def test_an_expired_password_is_changed_first_when_both_are_given(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = PasswordExpired("rpi01: its password has expired")
    result = await rig.push(answers=PushAnswers(password=OLD, new_password=NEW))
    assert (result.ok, result.proven) == (True, True)
    assert "the expired password was changed; one line added" in result.detail
    order = [name for name, _ in rig.ssh.calls]
    assert order[:4] == ["add_key", "change_password", "add_key", "prove"]
    assert not rig.lab.keys.wants_new_password(RPI01)


async def test_without_a_new_password_the_push_says_what_is_wanted(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = PasswordExpired("rpi01: its password has expired")
    result = await rig.push(answers=PushAnswers(password=OLD))
    assert (result.ok, result.changed) == (False, False)
    assert rig.lab.keys.wants_new_password(RPI01)
    assert rig.ssh.called("change_password") == []


async def test_a_new_password_that_is_not_taken_can_be_typed_again(rig: Rig) -> None:
    rig.ssh.writes["rpi01"] = PasswordExpired("rpi01: its password has expired")
    rig.ssh.passwords["rpi01"] = SourceRefused("rpi01: the new password was not taken")
    result = await rig.push(answers=PushAnswers(password=OLD, new_password=NEW))
    assert (result.ok, result.detail) == (False, "rpi01: the new password was not taken")
    assert rig.lab.keys.wants_new_password(RPI01)
    assert rig.pre_images == []
