"""A lab that stands still: the same state and the same clock each time, for screenshots and snapshot tests.

Nothing is asked of anybody: the state is written down here, and `start` starts nothing.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from homelab_tui.config.model import ClusterConfig, Config, PrometheusConfig, SwitchConfig
from homelab_tui.domain.errors import SourceUnreachable
from homelab_tui.domain.jobs import (
    Alert,
    AlertState,
    CronJob,
    CronJobSeries,
    Job,
    JobId,
    JobPod,
    JobSeries,
    JobState,
    MetricsSnapshot,
    Witness,
)
from homelab_tui.domain.keys import AccountKeys, CellState, HostKey, HostKeyState, KeyCell, PublicKey
from homelab_tui.domain.nodes import Disk, Interface, KubeNode, Node, NodeFacts, NodeSpec, PoeHat
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.ports import ReachesAndInstalls
from homelab_tui.engine.wires import Sources

NOW = datetime(2026, 11, 23, 2, 0, 0, tzinfo=UTC)
GB = 10**9
GIB = 2**30


class FrozenClock:
    """Two o'clock at night, for ever."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW


class _Nobody:
    """A source that is never asked: being asked is a mistake in the picture."""

    def __getattr__(self, name: str) -> object:
        async def refuse(*_arguments: object, **_options: object) -> None:
            raise SourceUnreachable(f"a frozen lab asks nobody ({name})")

        return refuse


class FrozenLab(Lab):
    """A lab whose state was written down and whose sources are never asked."""

    def __init__(self, *, switch_down: bool = False, prometheus_empty: bool = False) -> None:
        config = frozen_config()
        # The sources are never called: `start` is empty and no action is carried out on a picture.
        super().__init__(config, Sources(ssh=cast(ReachesAndInstalls, _Nobody())), Path("/nonexistent"), FrozenClock())
        self._set_state(switch_down=switch_down, prometheus_empty=prometheus_empty)

        for step in range(240):
            at = NOW - timedelta(seconds=30 * (239 - step))
            for number in range(1, 5):
                hot = 12.0 * max(0.0, (step - 200) / 40) if number == 3 else 0.0
                wave = (step * (number + 2) % 17) / 8
                self.memory.histories.put(
                    f"rpi0{number}", at, temperature_c=46.0 + hot + wave, port_w=5.6 + hot / 12 + wave / 4, hat_w=None
                )

    def start(self) -> None:
        """Nothing moves."""

    async def close(self) -> None:
        """Nothing to end."""

    def _set_state(self, *, switch_down: bool, prometheus_empty: bool) -> None:
        nodes = self.config.nodes
        read_at = NOW - timedelta(seconds=2)
        switch = Reading(value=_switch(), taken_at=NOW - timedelta(seconds=4))
        if switch_down:
            problem = "sw1: no answer within 2 s (wrong community, wrong address or SNMP off: these look the same)"
            switch = replace(
                switch,
                taken_at=NOW - timedelta(minutes=3),
                problem=problem,
                failures=5,
                next_try_at=NOW + timedelta(seconds=12),
            )
        snapshot = MetricsSnapshot("nuc", heartbeat=False) if prometheus_empty else _snapshot()
        missing = (
            "Prometheus answers, but has no kube-state-metrics series: is it scraped?" if prometheus_empty else None
        )
        self.store.update(
            my_keys=my_keys(),
            probes=tuple((node.name, Reading(value=_facts(node), taken_at=read_at)) for node in nodes),
            reachability=tuple((node.name, Reading(value=True, taken_at=read_at)) for node in nodes),
            accounts=tuple((node.name, Reading(value=_account(node), taken_at=read_at)) for node in nodes),
            host_keys=tuple((node.name, host_key(node)) for node in nodes),
            switches=(("sw1", switch),),
            clusters=(("nuc", Reading(value=_cluster(), taken_at=NOW)),),
            prometheus=(("nuc", Reading(value=snapshot, taken_at=NOW - timedelta(seconds=1), missing=missing)),),
        )


def frozen_config() -> Config:
    """Four NUCs, four Raspberry Pis, one switch, one cluster."""
    nuc = NodeSpec("NUC11PAHi5", 4, 16 * GB, 500 * GB, "Rocky Linux 9.1")
    rpi = NodeSpec("Raspberry Pi 4 Model B", 4, 4 * GB, 64 * GB, "Ubuntu 22.10")
    nucs = tuple(
        Node(f"nuc0{n}", f"192.168.10.12{n}", "kkato", mac=f"1c:69:7a:00:00:0{n}", spec=nuc) for n in range(1, 5)
    )
    rpis = tuple(
        Node(f"rpi0{n}", f"192.168.10.13{n}", "ubuntu", poe=PortRef("sw1", 1, n), mac=f"dc:a6:32:00:00:0{n}", spec=rpi)
        for n in range(1, 5)
    )
    return Config(
        nodes=nucs + rpis,
        switches=(SwitchConfig("sw1", host="192.168.10.2", protected_ports=(PortRef("sw1", 1, 8),)),),
        clusters=(ClusterConfig("nuc"),),
        prometheus=(PrometheusConfig("nuc", url="http://192.168.10.121:9090", cluster="nuc"),),
    )


def my_keys() -> tuple[PublicKey, ...]:
    """A desktop's key and a laptop's."""
    return (_key("id_ed25519", "kkato@desk"), _key("id_laptop", "kkato@laptop"))


def _key(stem: str, comment: str) -> PublicKey:
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + hashlib.sha256(comment.encode()).digest()
    path = f"/home/kkato/.ssh/{stem}.pub"
    return PublicKey("ssh-ed25519", blob, comment, path, 256, fingerprint(blob), private_path=path.removesuffix(".pub"))


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def host_key(node: Node, state: HostKeyState | None = None) -> HostKey:
    """The key a node shows; rpi04 was never met."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + hashlib.sha256(node.name.encode()).digest()
    met = HostKeyState.UNKNOWN if node.name == "rpi04" else HostKeyState.TRUSTED
    return HostKey(state or met, "ssh-ed25519", fingerprint(blob), node.host, "~/.ssh/known_hosts:7", blob=blob)


def _account(node: Node) -> AccountKeys | None:
    if node.name == "rpi04":
        return None
    desk, laptop = my_keys()
    cells = [KeyCell(desk.fingerprint, CellState.PRESENT, 1, type=desk.type, comment=desk.comment)]
    if node.name not in ("nuc03", "rpi02"):
        state = CellState.RESTRICTED if node.name == "rpi01" else CellState.PRESENT
        options = 'from="192.168.10.0/24"' if state is CellState.RESTRICTED else None
        cells.append(KeyCell(laptop.fingerprint, state, 2, options, laptop.type, laptop.comment))
    if node.name == "nuc04":
        cells.append(KeyCell(fingerprint(b"stranger"), CellState.PRESENT, 3, None, "ssh-rsa", "old-laptop@somewhere"))
    home = f"/home/{node.user}"
    return AccountKeys(
        node.user or "", home, tuple(cells), password_login=node.name.startswith("nuc0"), sudo=node.name != "rpi02"
    )


def _facts(node: Node) -> NodeFacts:
    number = int(node.name[-1])
    if node.name.startswith("nuc"):
        memory = (8 if number == 2 else 16) * GIB - 400_000_000
        return NodeFacts(
            hostname=node.name,
            model="NUC11PAHi5",
            kind="nuc",
            arch="x86_64",
            kernel="5.14.0-162.6.1.el9_1.x86_64",
            os="Rocky Linux 9.1 (Blue Onyx)",
            cpu_model="11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz",
            cores=4,
            threads=8,
            memory_bytes=memory,
            memory_used_bytes=int(memory * 0.3) + number * 100_000_000,
            disks=(Disk("nvme0n1", 500_107_862_016, "nvme", "Samsung SSD 980 500GB"),),
            interfaces=(Interface("eno1", node.mac, 1000, True, (node.host,)),),
            bios="PATGL357.0046",
            uptime_s=41 * 86_400.0,
            load1=0.2 + number / 10,
            temperature_c=41.0 + number,
            throttled=None,
            root_size_bytes=480 * GB,
            root_used_bytes=61 * GB,
        )
    throttled = ("under-voltage", "under-voltage-since-boot") if number == 3 else ()
    return NodeFacts(
        hostname=node.name,
        model="Raspberry Pi 4 Model B Rev 1.4",
        kind="raspberry-pi",
        arch="aarch64",
        kernel="5.19.0-1012-raspi",
        os="Ubuntu 22.10",
        cores=4,
        threads=4,
        memory_bytes=3_974_000_000,
        board_memory_bytes=4 * GIB,
        memory_used_bytes=1_300_000_000 + number * 50_000_000,
        disks=(Disk("mmcblk0", 63_864_569_856, "microsd", "SD64G"),),
        interfaces=(Interface("eth0", node.mac, 1000, True, (node.host,)),),
        uptime_s=12 * 86_400.0,
        load1=0.3 + number / 10,
        temperature_c=50.0 + 3 * number,
        throttled=throttled,
        hat=PoeHat("PoE+ HAT", True, 700 + 100 * number, 5000, "Good"),
        root_size_bytes=63 * GB,
        root_used_bytes=19 * GB,
    )


def _switch() -> SwitchReading:
    feeds = {1: 5600, 2: 5900, 3: 6600, 4: 6300, 5: 7500}
    labels = {1: "rpi01", 2: "rpi02", 3: "rpi03", 4: "rpi04", 5: "ap-livingroom", 8: "uplink"}
    ports = tuple(
        PoePort(
            PortRef("sw1", 1, number),
            labels.get(number),
            number != 8,
            Detection.DELIVERING if number in feeds else Detection.DISABLED if number == 8 else Detection.SEARCHING,
            None if number not in feeds else 3 if number == 5 else 4,
            feeds.get(number, 0),
            denied_count=2 if number == 3 else 0,
        )
        for number in range(1, 9)
    )
    group = PseGroup(1, 130_000, sum(feeds.values()), True, 80)
    return SwitchReading("sw1", "snmp", ports, (group,), "GS110TPv3")


def _cluster() -> ClusterJobs:
    names = [f"nuc0{n}" for n in range(1, 5)] + [f"rpi0{n}" for n in range(1, 5)]
    nodes = tuple(
        KubeNode("nuc", name, f"uid-{name}", True, ("control-plane",) if name == "nuc01" else (), "v1.27.5")
        for name in names
    )
    jobs, pods = [], []
    for job, pod in (
        _job("backup", "restic-nas", 30, JobState.FAILED, "nuc04", 12),
        _job("backup", "restic-nas", 90, JobState.COMPLETE, "nuc02", 0),
        _job("backup", "sd-image-rpi03", 20, JobState.FAILED, "rpi03", 137),
        _job("backup", "sd-image-rpi03", 50, JobState.COMPLETE, "rpi03", 0),
        _job("backup", "offsite-sync", 60, JobState.FAILED, "nuc03", 1),
        _job("mail", "imap-archive", 140, JobState.FAILED, "nuc03", 75),
        _job("mail", "imap-archive", 20, JobState.COMPLETE, "nuc02", 0),
        _job("monitoring", "sensor-rollup", 1, JobState.RUNNING, "rpi02", None),
        _job("dns", "blocklist-update", 5, JobState.COMPLETE, "rpi01", 0),
    ):
        jobs.append(job)
        pods.append(pod)
    cronjobs = tuple(
        CronJob(
            "nuc",
            namespace,
            name,
            f"uid-{name}",
            "1",
            schedule,
            last_scheduled_at=NOW - timedelta(minutes=last),
            last_succeeded_at=None if good is None else NOW - timedelta(minutes=good),
            created_at=NOW - timedelta(days=40),
        )
        for namespace, name, schedule, last, good in (
            ("backup", "restic-nas", "30 * * * *", 30, 90),
            ("backup", "sd-image-rpi03", "*/30 * * * *", 20, 50),
            ("backup", "offsite-sync", "0 * * * *", 60, None),
            ("mail", "imap-archive", "40 * * * *", 20, 20),
            ("media", "thumbnails", "*/15 * * * *", 45, 44),
            ("monitoring", "sensor-rollup", "* * * * *", 1, 2),
            ("dns", "blocklist-update", "*/5 * * * *", 5, 5),
        )
    )
    return ClusterJobs("nuc", tuple(jobs), cronjobs, tuple(pods), nodes)


def _job(
    namespace: str, cronjob: str, minutes: int, state: JobState, node: str, exit_code: int | None
) -> tuple[Job, JobPod]:
    scheduled = NOW - timedelta(minutes=minutes)
    name = f"{cronjob}-{int(scheduled.timestamp()) // 60}"
    failed = state is JobState.FAILED
    ended = scheduled + timedelta(seconds=95)
    job = Job(
        JobId("nuc", namespace, name),
        state,
        f"uid-{name}",
        "1",
        cronjob,
        f"uid-{cronjob}",
        "BackoffLimitExceeded" if failed else None,
        "Job has reached the specified backoff limit" if failed else None,
        created_at=scheduled,
        started_at=scheduled + timedelta(seconds=1),
        failed_at=ended if failed else None,
        completed_at=ended if state is JobState.COMPLETE else None,
        scheduled_at=scheduled,
        attempts=3 if failed else 0,
        backoff_limit=2,
        completions=1,
        succeeded=1 if state is JobState.COMPLETE else 0,
        active=1 if state is JobState.RUNNING else 0,
        seen_by=(Witness.KUBERNETES,),
    )
    pod = JobPod(
        "nuc",
        namespace,
        f"{name}-x7k2p",
        f"uid-pod-{name}",
        f"uid-{name}",
        name,
        node,
        "Failed" if failed else "Succeeded",
        exit_code=exit_code,
        exit_reason="OOMKilled" if exit_code == 137 else "Error" if failed else "Completed",
        created_at=scheduled,
    )
    return job, pod


def _snapshot() -> MetricsSnapshot:
    cluster = _cluster()
    failed = [job for job in cluster.jobs if job.state is JobState.FAILED]
    alerts = tuple(
        Alert(
            "KubeJobFailed",
            job.id.namespace,
            job.id.name,
            AlertState.PENDING if job.cronjob == "sd-image-rpi03" else AlertState.FIRING,
            job.failed_at,
        )
        for job in failed
    )
    return MetricsSnapshot(
        "nuc",
        tuple(JobSeries(j.id.namespace, j.id.name, failed=j in failed, cronjob=j.cronjob) for j in cluster.jobs),
        tuple(CronJobSeries(c.namespace, c.name, schedule=c.schedule) for c in cluster.cronjobs),
        alerts,
        heartbeat_age_s=3.0,
    )
