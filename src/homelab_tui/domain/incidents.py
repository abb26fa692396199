"""What is wrong, told once: failing Jobs, the node they ran on and the port that feeds it, joined. Pure."""

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

from homelab_tui.domain.incident_jobs import (
    Failure,
    echoes,
    failure_incident,
    failures_of,
    job_cures,
    job_evidence,
    loudest,
    missed,
)
from homelab_tui.domain.incident_outages import doors, outages
from homelab_tui.domain.incident_values import Evidence, Incident, Severity, count, in_order, seconds
from homelab_tui.domain.jobs import Job
from homelab_tui.domain.node_findings import fleet, node_findings
from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.poe import Detection, PoePort, PortRef
from homelab_tui.domain.state import LabState, NodeView

_FAULTS = (Detection.FAULT, Detection.OTHER_FAULT)
_RECENT = timedelta(hours=24)
"""How long ago a failure may be and still be put down to what ails its node now."""
_CROWD = 3
"""So many CronJobs and Jobs must fail on one healthy node, and be more than half of all, before it is suspected."""


def incidents(state: LabState, now: datetime) -> tuple[Incident, ...]:
    """Everything that is wrong at the moment, the most urgent first.

    A failure of the last day belongs to the node it ran on when that node is ill itself, or when most of what fails
    does so there; else it stands alone. A failed Job that a later success made an echo is never called a failure: it
    only pages.
    """
    failures = failures_of(state)
    on_node: dict[str, list[Failure]] = {}
    for failure in failures:
        if failure.node is not None and failure.at is not None and now - failure.at <= _RECENT:
            on_node.setdefault(failure.node, []).append(failure)
    found: list[Incident] = []
    joined: set[str] = set()
    among = fleet(state.node_views)
    for view in state.node_views:
        mine = [failure for name in _names(view) for failure in on_node.get(name, ())]
        signs = _signs(view)
        signs += [
            (Severity.WARNING, Evidence("node", text)) for text in node_findings(view, among, now.date()).warnings
        ]
        crowded = len(mine) >= _CROWD and 2 * len(mine) > len(failures)
        if signs or crowded:
            found.append(_node_incident(view, signs, mine))
            joined.update(failure.key for failure in mine)
    found += [failure_incident(failure) for failure in failures if failure.key not in joined]
    found += missed(state)
    found += echoes(state)
    found += doors(state)
    found += outages(state, now)
    return tuple(sorted(found, key=lambda one: (one.severity.rank, -(seconds(one.since)), one.key)))


def _names(view: NodeView) -> tuple[str, ...]:
    """What Kubernetes may call this node."""
    kube = view.kubernetes.name if view.kubernetes is not None else None
    return tuple(dict.fromkeys(name for name in (view.node.name, kube) if name))


def _signs(view: NodeView) -> list[tuple[Severity, Evidence]]:
    """What ails the box itself and its power."""
    found: list[tuple[Severity, Evidence]] = []
    if view.state in (NodeState.DOWN, NodeState.HUNG):
        found.append((Severity.CRITICAL, Evidence("node", f"{view.state.value}: {view.why or 'it does not answer'}")))
    throttled = view.facts.throttled if view.facts is not None and view.facts.throttled else ()
    now = [word for word in throttled if not word.endswith("-since-boot")]
    if now:
        found.append((Severity.WARNING, Evidence("power", f"{', '.join(now)} now")))
    kube = view.kubernetes
    if kube is not None and kube.ready is False and view.state is not NodeState.REBOOTING:
        found.append((Severity.WARNING, Evidence("node", f"its kubelet is NotReady in {kube.cluster}")))
    if kube is not None and kube.conditions:
        found.append((Severity.WARNING, Evidence("node", f"{', '.join(kube.conditions)} in {kube.cluster}")))
    if view.port is not None:
        found += _port_signs(view.port)
    return found


def _port_signs(port: PoePort) -> list[tuple[Severity, Evidence]]:
    if port.detection in _FAULTS:
        return [(Severity.WARNING, Evidence("power", f"port {port.ref} reports {port.detection}"))]
    if port.admin_on is False:
        return [(Severity.WARNING, Evidence("power", f"port {port.ref} is switched off"))]
    return []


def _node_incident(view: NodeView, signs: Sequence[tuple[Severity, Evidence]], failures: Sequence[Failure]) -> Incident:
    """An ill node, and what failed on it."""
    jobs = [job for failure in failures for job in failure.jobs]
    words = [evidence.text for _, evidence in signs[:1]]
    if failures:
        words.append(f"{count(len(failures), 'failure')} on it")
    severity = min((severity for severity, _ in signs), key=lambda one: one.rank, default=Severity.WARNING)
    port = view.port.ref if view.port is not None else view.node.poe
    evidence = [one for _, one in signs] + [one for failure in failures for one in job_evidence(failure)]
    if view.port is not None and view.port.denied_count:
        evidence.append(Evidence("power", f"port {port} was denied power {view.port.denied_count} times"))
    return Incident(
        key=f"node:{view.node.name}",
        severity=severity,
        title=f"{view.node.name}: {'; '.join(words)}",
        evidence=in_order(evidence),
        cures=_node_cures(view, port, jobs),
        node=view.node.name,
        port=port,
        jobs=tuple(job.id for job in jobs),
        alert=loudest(jobs),
    )


def _node_cures(view: NodeView, port: PortRef | None, jobs: Sequence[Job]) -> tuple[str, ...]:
    found = []
    name = shlex.quote(view.node.name)
    silent = view.state in (NodeState.DOWN, NodeState.HUNG)
    if port is not None and view.port is not None and view.port.admin_on is False:
        found.append(f"homelab poe on {name}")
    elif port is not None and (silent or view.facts is None or view.facts.throttled):
        found.append(f"homelab poe cycle {name}")
    elif silent and view.node.mac is not None:
        found.append(f"homelab nodes wake {name}")
    found.append(f"homelab nodes drain {name}" if view.kubernetes and not silent else "homelab nodes")
    return tuple(found) + job_cures(jobs)
