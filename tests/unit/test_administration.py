"""Hardening, sudo and /etc/hosts as the engine carries them out: the order, the stop, the journal, the password."""

from pathlib import Path

import pytest

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused
from homelab_tui.domain.keys import AdminUser
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.state import LabState
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.administration import Administration
from homelab_tui.engine.journal import Journal
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.store import Store
from tests.fakes import FakeClock, FakeSsh

NODES = tuple(Node(f"nuc0{n}", f"10.0.0.{n}", user="kkato") for n in range(1, 4))


class Desk:
    """The administrator over an SSH in memory; nuc01 is the jump host."""

    def __init__(self, directory: Path, *, read_only: bool = False, bastion: str | None = "kkato@10.0.0.1:22") -> None:
        self.ssh, self.clock = FakeSsh(), FakeClock()
        self.journal = Journal(directory, self.clock)
        operations = Operations(Store(LabState()), ActivityLog(directory, self.clock), self.clock)

        async def reread(_node: Node, _known: object) -> None:
            return None

        steps = KeySteps(self.ssh, operations, self.clock, directory, read_only=read_only, reread=reread)
        self.acts = Administration(steps, self.journal, NODES, bastion)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_the_jump_host_is_hardened_last_and_the_plan_says_so(desk: Desk) -> None:
    plan = desk.acts.plan_harden(LabState(), NODES)
    assert [step.target for step in plan.steps] == ["nuc02", "nuc03", "nuc01"]
    results = await desk.acts.harden(NODES)
    assert [(r.target, r.ok, r.proven) for r in results] == [(n, True, True) for n in ("nuc02", "nuc03", "nuc01")]
    assert desk.ssh.called("harden") == ["nuc02", "nuc03", "nuc01"]
    assert desk.journal.unfinished() == ()
    assert desk.journal.last("keys.harden", "nuc01") is not None


async def test_the_first_surprise_stops_the_rest(desk: Desk) -> None:
    desk.ssh.changes["nuc02"] = SourceRefused("nuc02: not hardened: put back, and access is proven again")
    results = await desk.acts.harden(NODES)
    assert [result.ok for result in results] == [False, False, False]
    assert "access is proven again" in results[0].detail
    assert [result.detail for result in results[1:]] == ["not begun: nuc02 did not end as it should"] * 2
    assert desk.ssh.called("harden") == ["nuc02"]


async def test_a_hardening_that_died_is_looked_after(desk: Desk) -> None:
    entry_id = desk.journal.begin("keys.harden", "nuc02", {})
    desk.journal.leave(entry_id, "as if killed")
    (entry,) = desk.journal.unfinished()
    desk.ssh.accounts["nuc02"] = SourceRefused("no way in")
    result = await desk.acts.restore(entry)
    assert (result.ok, result.detail) == (False, "not proven that it lets us in: no way in")
    assert desk.journal.unfinished() == (entry,)
    del desk.ssh.accounts["nuc02"]
    assert (await desk.acts.restore(entry)).ok
    assert desk.journal.unfinished() == ()


async def test_a_missing_sudo_password_is_known_until_the_next_try(desk: Desk) -> None:
    desk.ssh.changes["nuc01"] = CredentialsNeeded("nuc01: needs a password for sudo", password_possible=True)
    assert not (await desk.acts.sudo(NODES[0])).ok
    assert desk.acts.wants_sudo_password(NODES[0])
    del desk.ssh.changes["nuc01"]
    assert (await desk.acts.sudo(NODES[0])).ok
    assert not desk.acts.wants_sudo_password(NODES[0])


async def test_loopback_and_unknown_names_are_left_out_of_etc_hosts(desk: Desk) -> None:
    entries = await desk.acts.hosts_entries()
    assert entries == (("nuc01", "10.0.0.1"), ("nuc02", "10.0.0.2"), ("nuc03", "10.0.0.3"))
    assert not desk.acts.plan_hosts(NODES, ()).is_allowed
    plan = desk.acts.plan_hosts(NODES, entries[:2])
    assert plan.warnings == ("left out, for want of an address: nuc03",)
    assert desk.acts.plan_hosts(NODES, (), undo=True).is_allowed


async def test_read_only_touches_no_node(tmp_path: Path) -> None:
    desk = Desk(tmp_path, read_only=True)
    results = [*await desk.acts.harden(NODES), await desk.acts.sudo(NODES[0]), await desk.acts.hosts(NODES[0], ())]
    assert not any(result.ok or result.changed for result in results)
    assert desk.ssh.calls == []
    assert not desk.acts.plan_harden(LabState(), NODES).is_allowed


async def test_a_user_of_its_own_is_planned_made_and_taken_away(desk: Desk) -> None:
    request = AdminUser("kubespray", create=True)
    plan = desk.acts.plan_user(NODES, request)
    assert plan.is_allowed
    assert "the key that homelab logs in with" in " ".join(plan.notes)
    assert plan.warnings == ("whoever logs in as kubespray is root without another question",)
    made = await desk.acts.user(NODES[0], request, None)
    assert (made.ok, made.changed, made.proven) == (True, True, True)
    desk.ssh.changes["nuc02"] = CredentialsNeeded("nuc02: needs a password for sudo", password_possible=True)
    asked = await desk.acts.user(NODES[1], request, None)
    assert (asked.ok, desk.acts.wants_sudo_password(NODES[1])) == (False, True)
    assert "Take the user kubespray off nuc01" in desk.acts.plan_user(NODES[:1], request, undo=True).title
    gone = await desk.acts.user(NODES[2], request, None, undo=True)
    assert (gone.ok, desk.ssh.called("remove_user")) == (True, ["nuc03"])


async def test_the_names_are_kept_on_this_machine_and_on_a_jump_host_that_is_no_node(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    plan = desk.acts.plan_hosts(NODES[:1], (("nuc01", "10.0.0.1"),), here=True)
    assert [step.target for step in plan.steps] == ["nuc01", "this machine"]
    desk.ssh.changes["here"] = CredentialsNeeded("this machine: needs a password for sudo", password_possible=True)
    asked = await desk.acts.hosts_here((("nuc01", "10.0.0.1"),))
    assert (asked.target, asked.ok, desk.acts.wants_sudo_password_here()) == ("this machine", False, True)
    del desk.ssh.changes["here"]
    done = await desk.acts.hosts_here((("nuc01", "10.0.0.1"),), Secret("x"))
    assert (done.ok, done.changed, desk.acts.wants_sudo_password_here()) == (True, True, False)
    assert desk.acts.bastion() == NODES[0]


@pytest.mark.parametrize(
    ("written", "host", "user", "port"),
    [
        ("bastion.home", "bastion.home", None, None),
        ("me@bastion.home:2222", "bastion.home", "me", 2222),
        ("me@[fe80::1]:22", "fe80::1", "me", 22),
    ],
)
async def test_a_jump_host_that_is_no_node_is_something_to_act_on(
    tmp_path: Path, written: str, host: str, user: str | None, port: int | None
) -> None:
    acts = Desk(tmp_path, bastion=written).acts
    bastion = acts.bastion()
    assert bastion == Node(host, host, user=user, port=port)
    assert (await acts.hosts(bastion, (("nuc01", "10.0.0.1"),))).ok
    assert Desk(tmp_path, bastion=None).acts.bastion() is None
