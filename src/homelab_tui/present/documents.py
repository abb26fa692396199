"""The JSON documents of the command line. Their names are the contract: others script against them."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from homelab_tui.config.model import Config
from homelab_tui.domain.drifts import drift
from homelab_tui.domain.jobs import CronJob, Job
from homelab_tui.domain.keys import AccountKeys
from homelab_tui.domain.node_findings import fleet, node_findings
from homelab_tui.domain.nodes import KubeNode, NodeFacts, NodeSpec
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import PoePort, SwitchReading, budget_mw, drawn_mw, has_room, reserved_mw
from homelab_tui.domain.reading import Health, HealthState, Reading, health
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.present.node_documents import more_of_node
from homelab_tui.present.times import rfc3339

Document = dict[str, object]
STALE_AFTER_S = 60.0
ACCOUNT_STALE_AFTER_S = 300.0
"""Accounts are read every two minutes only: two logins each."""


def health_document(word: Health) -> Document:
    """HEALTH: `{"state","age_s","problem"}`."""
    age_s = None if word.age_s is None else round(word.age_s, 1)
    return {"state": word.state.value, "age_s": age_s, "problem": word.problem}


def together(words: Sequence[Health]) -> Health:
    """One word for a kind of source: OFF without any, the common word, DOWN when none has answered, else STALE.

    Its problem names every source's own.
    """
    if not words:
        return Health(HealthState.OFF)
    states = {word.state for word in words}
    ages = [word.age_s for word in words if word.age_s is not None]
    problems = dict.fromkeys(word.problem for word in words if word.problem)
    if len(states) == 1:
        state = states.pop()
    else:
        silent = states <= {HealthState.DOWN, HealthState.STARTING}
        state = HealthState.DOWN if silent else HealthState.STALE
    return Health(state, max(ages, default=None), "; ".join(problems) or None)


def reading_health(reading: Reading[object], now: datetime) -> Health:
    """Health of one reading, with the staleness limit that the whole program uses."""
    return health(reading, now, STALE_AFTER_S)


def account_health(reading: Reading[AccountKeys], now: datetime) -> Health:
    """Health of the reading of an account, which is allowed to be older than others."""
    return health(reading, now, ACCOUNT_STALE_AFTER_S)


def cluster_names(state: LabState, config: Config) -> tuple[str, ...]:
    """Every cluster that either world speaks of, in the configuration's order."""
    names = [name for name, _ in state.clusters]
    names += [server.cluster or server.name for server in config.prometheus]
    return tuple(dict.fromkeys(names))


def job_sources(state: LabState, config: Config, now: datetime) -> tuple[Health, Health]:
    """Health of both worlds as kinds: Prometheus, Kubernetes."""
    return (
        together([reading_health(reading, now) for _, reading in state.prometheus]),
        together([reading_health(reading, now) for _, reading in state.clusters]),
    )


def jobs_document(
    state: LabState, config: Config, now: datetime, jobs: Iterable[Job], cronjobs: Iterable[CronJob]
) -> Document:
    """`homelab jobs --json`."""
    prometheus, kubernetes = job_sources(state, config, now)
    servers = {server.name: server.cluster or server.name for server in config.prometheus}
    clusters = []
    for name in cluster_names(state, config):
        seen = [reading_health(r, now) for server, r in state.prometheus if servers.get(server) == name]
        listed = [reading_health(r, now) for cluster, r in state.clusters if cluster == name]
        healths = {"prometheus": health_document(together(seen)), "kubernetes": health_document(together(listed))}
        clusters.append({"name": name, **healths})
    return {
        "taken_at": rfc3339(now),
        "sources": {"prometheus": health_document(prometheus), "kubernetes": health_document(kubernetes)},
        "clusters": clusters,
        "jobs": [job_document(job, now) for job in jobs],
        "cronjobs": [cronjob_document(cronjob) for cronjob in cronjobs],
    }


def job_document(job: Job, now: datetime) -> Document:
    """JOB."""
    duration_s = job.duration_s(now)
    return {
        "cluster": job.id.cluster,
        "namespace": job.id.namespace,
        "name": job.id.name,
        "uid": job.uid or None,
        "cronjob": job.cronjob or None,
        "state": job.state.value,
        "reason": job.reason or None,
        "message": job.message or None,
        "exit_code": job.exit_code,
        "node": job.node or None,
        "failed_at": rfc3339(job.failed_at),
        "started_at": rfc3339(job.started_at),
        "duration_s": _number(duration_s, 1),
        "attempts": job.attempts,
        "backoff_limit": job.backoff_limit,
        "completions": job.completions,
        "succeeded": job.succeeded,
        "ttl_seconds_after_finished": job.ttl_seconds_after_finished,
        "seen_by": [witness.value for witness in job.seen_by],
        "superseded": job.superseded,
        "alert": job.alert.value if job.alert else None,
    }


def cronjob_document(cronjob: CronJob) -> Document:
    """CRONJOB."""
    return {
        "cluster": cronjob.cluster,
        "namespace": cronjob.namespace,
        "name": cronjob.name,
        "schedule": cronjob.schedule or None,
        "time_zone": cronjob.time_zone or None,
        "suspended": cronjob.suspended,
        "verdict": cronjob.verdict.value,
        "last_scheduled_at": rfc3339(cronjob.last_scheduled_at),
        "last_succeeded_at": rfc3339(cronjob.last_succeeded_at),
        "next_run_at": rfc3339(cronjob.next_run_at),
        "failed_jobs": cronjob.failed_jobs,
        "history": [{"at": rfc3339(run.at), "result": run.result.value} for run in cronjob.history],
    }


def nodes_document(state: LabState, now: datetime) -> Document:
    """`homelab nodes --json`."""
    among = fleet(state.node_views)
    nodes = [
        {
            **node_document(view),
            **more_of_node(state, view, now),
            "mapping": view.port_note,
            "findings": list(node_findings(view, among, now.date()).all),
        }
        for view in state.node_views
    ]
    return {"taken_at": rfc3339(now), "nodes": nodes}


def node_document(view: NodeView) -> Document:
    """One node of `homelab nodes --json`."""
    node, facts = view.node, view.facts
    differences = drift(node.spec, facts) if facts else ()
    return {
        "name": node.name,
        "host": node.host,
        "state": view.state.value,
        "why": view.why or None,
        "model": (facts.model or None) if facts else None,
        "kind": facts.kind if facts else "other",
        **_measured(facts or NodeFacts()),
        "declared": _declared(node.spec),
        "drift": [{"field": d.field, "declared": d.declared, "found": d.found} for d in differences],
        "reachable": view.reachable,
        "kubernetes": _kubernetes(view.kubernetes),
        "throttled": list(facts.throttled) if facts and facts.throttled is not None else None,
        "poe": port_document(view.port, node.name) if view.port else None,
    }


def _measured(facts: NodeFacts) -> Document:
    return {
        "arch": facts.arch or None,
        "cores": facts.cores,
        "threads": facts.threads,
        "memory_bytes": facts.memory_bytes,
        "disk_bytes": facts.disk_bytes,
        "os": facts.os or None,
        "kernel": facts.kernel or None,
        "uptime_s": _number(facts.uptime_s, 2),
        "temperature_c": _number(facts.temperature_c, 2),
        "load1": _number(facts.load1, 2),
        "memory_used_bytes": facts.memory_used_bytes,
        "disk_used_bytes": facts.root_used_bytes,
    }


def _declared(spec: NodeSpec) -> Document:
    return {
        "model": spec.model,
        "cores": spec.cores,
        "memory_bytes": spec.memory_bytes,
        "disk_bytes": spec.disk_bytes,
        "os": spec.os,
    }


def _kubernetes(node: KubeNode | None) -> Document | None:
    if node is None:
        return None
    role = "control-plane" if {"control-plane", "master"} & set(node.roles) else ",".join(node.roles) or "worker"
    return {"cluster": node.cluster, "role": role, "ready": node.ready, "kubelet": node.kubelet or None}


def poe_document(state: LabState, config: Config, now: datetime) -> Document:
    """`homelab poe --json`."""
    feeds = {(v.port.ref if v.port else v.node.poe): v.node.name for v in state.node_views}
    switches = []
    for name, reading in state.switches:
        value = reading.value
        source = next((switch.source for switch in config.switches if switch.name == name), "snmp")
        switches.append(
            {
                "name": name,
                "source": source,
                "budget_w": _watts(budget_mw(value) if value else None),
                "drawn_w": _watts(drawn_mw(value) if value else None),
                "reserved_w": _watts(reserved_mw(value) if value else None),
                "health": health_document(reading_health(reading, now)),
                "model": (value.model if value else None) or None,
                "one_more_hat_fits": has_room(value) if value else None,
                "findings": list(value.findings) if value else [],
                "ports": [port_document(port, feeds.get(port.ref)) for port in _ports(value)],
            }
        )
    return {"taken_at": rfc3339(now), "switches": switches}


def _ports(value: SwitchReading | None) -> tuple[PoePort, ...]:
    return value.ports if value else ()


def port_document(port: PoePort, node: str | None) -> Document:
    """PORT."""
    admin = None if port.admin_on is None else ("on" if port.admin_on else "off")
    return {
        "switch": port.ref.switch,
        "group": port.ref.group,
        "port": port.ref.port,
        "label": port.label or None,
        "node": node,
        "admin": admin,
        "detection": port.detection.value if port.detection else None,
        "class": port.power_class,
        "power_w": _watts(port.power_mw),
        "voltage_v": None if port.voltage_mv is None else round(port.voltage_mv / 1000, 3),
        "current_ma": port.current_ma,
        "denied_count": port.denied_count,
        "allocated_w": _watts(port.allocated_mw),
    }


def _number(value: float | None, digits: int) -> float | None:
    """Rounded; None for what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else round(value, digits)


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 3)


def results_document(results: Iterable[Result], *, dry_run: bool) -> Document:
    """What an action did to each target."""
    return {
        "dry_run": dry_run,
        "results": [
            {
                "target": r.target,
                "ok": r.ok,
                "changed": r.changed,
                "detail": r.detail,
                "proven": r.proven,
                "created": r.created,
            }
            for r in results
        ],
    }
