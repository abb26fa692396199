"""Sources that answer what a test wants, as far as `homelab check` asks them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from homelab_tui.config.load import parse_config
from homelab_tui.config.model import Config
from homelab_tui.domain.checks import Check, CheckReport
from homelab_tui.domain.errors import (
    SourceTimeout,
)
from homelab_tui.domain.jobs import CronJobSeries, JobSeries, MetricsSnapshot
from homelab_tui.domain.keys import AccountKeys, HostKey, HostKeyState, PublicKey
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.engine.checks import run_checks
from homelab_tui.engine.ports import ActsOnJobs, ReachesAndInstalls, ReadsMetrics, SwitchesPoe
from homelab_tui.engine.wires import Sources

T = TypeVar("T")
KEY = PublicKey("ssh-ed25519", b"k", path="/home/me/.ssh/id.pub", fingerprint="SHA256:mine", private_path="/x")
FULL = MetricsSnapshot(
    "nuc",
    jobs=(JobSeries("ns", "j"),),
    cronjobs=(CronJobSeries("ns", "c"),),
    alerts=(),
    heartbeat_age_s=12.0,
)


def given(value: T | Exception) -> T:
    """A value, or the error that stands for it."""
    if isinstance(value, Exception):
        raise value
    return value


class Cluster:
    name = "nuc"

    def __init__(self, version: str | Exception = "v1.32.4", allowed: Callable[[str, str], bool | None] | None = None):
        self.version = version
        self.allowed = allowed or (lambda _what, _where: True)

    async def read_version(self) -> str:
        return given(self.version)

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        return self.allowed(f"{verb} {resource}", namespace)


class Prometheus:
    name = cluster = "nuc"

    def __init__(self, snapshot: MetricsSnapshot | Exception = FULL):
        self.snapshot = snapshot

    async def check(self) -> str:
        return "Prometheus 2.53"

    async def read_jobs(self) -> MetricsSnapshot:
        return given(self.snapshot)


class Switch:
    name = "sw1"

    def __init__(self, reading: SwitchReading | Exception):
        self.reading = reading

    async def read(self) -> SwitchReading:
        return given(self.reading)


class Ssh:
    """Every node is alike, but for those in `special`."""

    keys: tuple[PublicKey, ...] = (KEY,)
    here: bool | Exception = True
    door = HostKey(HostKeyState.TRUSTED, "ssh-ed25519", "SHA256:host", "n")
    account: AccountKeys | Exception = AccountKeys("me", "/home/me", password_login=False, sudo=True)
    facts: NodeFacts | Exception = NodeFacts(model="NUC", clock_skew_s=0.1)

    async def read_my_keys(self) -> tuple[PublicKey, ...]:
        return self.keys

    async def answers(self, node: Node) -> bool:
        return given(SourceTimeout("silence") if node.name == "dead" else self.here)

    async def host_key(self, node: Node) -> HostKey:
        return self.door

    async def read_account(self, node: Node) -> AccountKeys:
        return given(self.account)

    async def probe(self, node: Node) -> NodeFacts:
        return given(self.facts)


CONFIG = parse_config(
    """
    [[nodes]]
    name = "n"
    poe = "sw1/3"
    [[switches]]
    name = "sw1"
    host = "h"
    protected_ports = ["1/8"]
    [[clusters]]
    name = "nuc"
    [[prometheus]]
    name = "nuc"
    url = "http://h"
    """,
    Path("config.toml"),
)
READING = SwitchReading("sw1", "snmp", ports=(PoePort(PortRef("sw1", 1, 3)), PoePort(PortRef("sw1", 1, 8))))


async def report(
    config: Config = CONFIG,
    cluster: Cluster | None = None,
    prometheus: Prometheus | None = None,
    switch: Switch | None = None,
    ssh: Ssh | None = None,
    nodes: bool = False,
) -> CheckReport:
    """One run over fakes that satisfy what checks ask for."""
    sources = Sources(
        ssh=cast("ReachesAndInstalls", ssh or Ssh()),
        clusters=(cast("ActsOnJobs", cluster or Cluster()),),
        prometheus=(cast("ReadsMetrics", prometheus or Prometheus()),),
        switches=(cast("SwitchesPoe", switch or Switch(READING)),),
    )
    return await run_checks(config, sources, nodes=nodes)


def of(found: CheckReport, subject: str, check: str) -> Check:
    """The one check of that name."""
    (one,) = [each for each in found.checks if (each.subject, each.check) == (subject, check)]
    return one
