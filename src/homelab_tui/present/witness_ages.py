"""How old what a witness says is."""

from datetime import datetime

from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.witnesses import EXPORTER, KUBERNETES, PROBE


def witness_age_s(state: LabState, view: NodeView, witness: str, now: datetime) -> float | None:
    """How old what a witness says is; None when it never spoke."""
    taken_at = None
    if witness == PROBE:
        taken_at = next((reading.taken_at for name, reading in state.probes if name == view.node.name), None)
    elif witness == EXPORTER:
        taken_at = next((reading.taken_at for name, reading in state.machines if name == view.metrics_from), None)
    elif witness == KUBERNETES and view.kubernetes:
        cluster = view.kubernetes.cluster
        taken_at = next((reading.taken_at for name, reading in state.clusters if name == cluster), None)
    return None if taken_at is None else max(0.0, (now - taken_at).total_seconds())
