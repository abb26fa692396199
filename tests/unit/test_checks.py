"""What `homelab check` says of sources that answer, answer half, or do not answer."""

from pathlib import Path

import pytest

from homelab_tui.config.load import parse_config
from homelab_tui.domain.checks import CheckStatus
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceTimeout,
)
from homelab_tui.domain.jobs import MetricsSnapshot
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.poe import PoePort, PortRef
from homelab_tui.domain.values import replace
from tests.check_fakes import CONFIG, FULL, READING, Cluster, Prometheus, Switch, of, report


async def test_a_lab_in_order_has_no_failure() -> None:
    found = await report(nodes=True)
    assert not found.failed, [check for check in found.checks if check.status is CheckStatus.FAIL]
    assert found.silent == ()
    assert {check.subject for check in found.checks} >= {
        "cluster nuc",
        "prometheus nuc",
        "switch sw1",
        "node n",
        "keys",
    }


@pytest.mark.parametrize(
    ("denied", "status", "says"),
    [
        ("list jobs.batch", CheckStatus.FAIL, "Jobs cannot be seen"),
        ("list cronjobs.batch", CheckStatus.FAIL, "CronJobs cannot be seen"),
        ("delete jobs.batch", CheckStatus.WARN, "`d` is dimmed"),
        ("get pods/log", CheckStatus.WARN, "no log"),
        ("list nodes", CheckStatus.WARN, "Ready"),
    ],
)
async def test_a_missing_permission_is_named_with_what_it_costs(denied: str, status: CheckStatus, says: str) -> None:
    found = of(await report(cluster=Cluster(allowed=lambda what, _: what != denied)), "cluster nuc", denied)
    assert found.status is status
    assert says in found.detail
    assert found.fix == f"allow this user to {denied}"


async def test_a_permission_is_asked_per_namespace_and_nodes_for_the_cluster() -> None:
    config = replace(CONFIG, clusters=(replace(CONFIG.clusters[0], namespaces=("a", "b")),))
    asked: list[tuple[str, str]] = []

    def allowed(what: str, where: str) -> bool:
        asked.append((what, where))
        return where != "b"

    found = await report(config, cluster=Cluster(allowed=allowed))
    assert "not allowed in b: " in of(found, "cluster nuc", "list jobs.batch").detail
    assert of(found, "cluster nuc", "list nodes").status is CheckStatus.OK
    assert ("list nodes", "") in asked


async def test_a_permission_that_was_not_answered_is_no_permission() -> None:
    found = of(await report(cluster=Cluster(allowed=lambda *_: None)), "cluster nuc", "delete jobs.batch")
    assert found.status is CheckStatus.WARN


async def test_a_hidden_version_alone_does_not_make_a_cluster_dead() -> None:
    hidden = SourceForbidden("nuc: not allowed", verb="get", resource="version")
    found = await report(cluster=Cluster(hidden))
    assert of(found, "cluster nuc", "api").status is CheckStatus.WARN
    assert found.silent == ()
    found = await report(cluster=Cluster(hidden, allowed=lambda *_: None))
    assert of(found, "cluster nuc", "api").status is CheckStatus.FAIL
    assert found.silent == ("clusters",)


async def test_read_only_asks_for_no_permission_to_write() -> None:
    found = await report(replace(CONFIG, safety=replace(CONFIG.safety, read_only=True)))
    assert not [check for check in found.checks if check.check in ("delete jobs.batch", "write_community")]


@pytest.mark.parametrize(
    ("snapshot", "check", "status"),
    [
        (replace(FULL, heartbeat=False), "kube-state-metrics", CheckStatus.FAIL),
        (replace(FULL, heartbeat_age_s=900.0), "kube-state-metrics", CheckStatus.WARN),
        (replace(FULL, jobs=()), "kube_job_*", CheckStatus.WARN),
        (replace(FULL, cronjobs=()), "kube_cronjob_*", CheckStatus.WARN),
        (replace(FULL, alerts=None), "alerts", CheckStatus.WARN),
        (replace(FULL, warnings=("partial",)), "answer", CheckStatus.WARN),
        (SourceTimeout("late"), "api", CheckStatus.FAIL),
    ],
)
async def test_a_missing_metric_is_named(
    snapshot: MetricsSnapshot | SourceError, check: str, status: CheckStatus
) -> None:
    found = of(await report(prometheus=Prometheus(snapshot)), "prometheus nuc", check)
    assert found.status is status
    assert found.detail


async def test_a_switch_without_ports_and_a_port_without_a_switch_are_failures() -> None:
    none = await report(switch=Switch(replace(READING, ports=())))
    assert of(none, "switch sw1", "read").status is CheckStatus.FAIL
    other = await report(switch=Switch(replace(READING, ports=(PoePort(PortRef("sw1", 1, 1)),), findings=("odd",))))
    assert of(other, "switch sw1", "port sw1/3").status is CheckStatus.FAIL
    assert of(other, "switch sw1", "port sw1/8").status is CheckStatus.WARN
    assert of(other, "switch sw1", "finding").detail == "odd"
    assert of(other, "switch sw1", "write_community").status is CheckStatus.WARN


async def test_one_dead_thing_never_stops_the_rest_and_a_silent_kind_is_told() -> None:
    found = await report(
        cluster=Cluster(SourceTimeout("late")), prometheus=Prometheus(RuntimeError("a bug")), nodes=True
    )
    assert found.silent == ("clusters", "prometheus")
    assert "check address" not in str(of(found, "cluster nuc", "api").fix)
    assert of(found, "prometheus nuc", "api").detail == "internal error: RuntimeError"
    assert of(found, "switch sw1", "read").status is CheckStatus.OK
    assert of(found, "node n", "probe").status is CheckStatus.OK


async def test_a_kind_is_silent_only_when_none_of_it_answers() -> None:
    config = replace(CONFIG, nodes=(Node("dead", "dead"), Node("n", "n")))
    found = await report(config, nodes=True)
    assert of(found, "node dead", "reach").status is CheckStatus.FAIL
    assert found.silent == ()
    assert (await report(replace(config, nodes=config.nodes[:1]), nodes=True)).silent == ("nodes",)


@pytest.mark.parametrize(
    ("given_as", "status"),
    [
        ('community_file = "good"', CheckStatus.OK),
        ('community_file = "loose"', CheckStatus.WARN),
        ('community_file = "none"', CheckStatus.FAIL),
        ('community_env = "HOMELAB_TEST_SET"', CheckStatus.OK),
        ('community_env = "HOMELAB_TEST_NOT_SET"', CheckStatus.FAIL),
        ('community_command = ["sh", "-c", "touch ran"]', CheckStatus.OK),
        ('community_command = ["no-such-program-here"]', CheckStatus.FAIL),
        ('community = "public"', CheckStatus.OK),
    ],
)
async def test_a_secret_that_cannot_be_had_is_found_without_having_it(
    given_as: str, status: CheckStatus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMELAB_TEST_SET", "x")
    monkeypatch.chdir(tmp_path)
    for name, mode in (("good", 0o600), ("loose", 0o644)):
        (tmp_path / name).write_text("s3cret\n")
        (tmp_path / name).chmod(mode)
    config = parse_config(f'[[switches]]\nname = "sw1"\nhost = "h"\n{given_as}', tmp_path / "config.toml")
    found = of(await report(config), "switch sw1", "community")
    assert found.status is status
    assert "s3cret" not in str(found)
    assert not (tmp_path / "ran").exists()
