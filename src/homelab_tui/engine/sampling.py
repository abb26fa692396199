"""Samples of power and temperature, taken from the state as it is read anyway: nothing is asked for them."""

from datetime import datetime

from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.engine.histories import Histories
from homelab_tui.engine.power_log import PowerLog

FRESH_S = 60.0
"""An older reading is no sample of now."""


class Sampler:
    """Hands what is known right now to the energy log and to this session's histories."""

    def __init__(self, power: PowerLog, histories: Histories) -> None:
        self._power = power
        self._histories = histories

    def take(self, state: LabState, now: datetime) -> None:
        """One sample of every node of which something is known."""
        fresh_switches = {name for name, reading in state.switches if _is_fresh(reading, now)}
        fresh_probes = {name for name, reading in state.probes if _is_fresh(reading, now)}
        fresh_machines = {name for name, reading in state.machines if _is_fresh(reading, now)}
        acting = {operation.target for operation in state.operations if operation.is_busy}
        for view in state.node_views:
            name = view.node.name
            port_mw = port_power_mw(view) if view.port and view.port.ref.switch in fresh_switches else None
            is_measured = name in fresh_probes
            is_told = view.metrics_from in fresh_machines
            hat_mw = hat_power_mw(view, probed=is_measured, told=is_told)
            heat = view.facts.temperature_c if view.facts and (is_measured or is_told) else None
            if port_mw is None and hat_mw is None and heat is None:
                continue
            self._histories.put(name, now, temperature_c=heat, port_w=_watts(port_mw), hat_w=_watts(hat_mw))
            busy = f"node:{name}" in acting or (view.port is not None and f"port:{view.port.ref}" in acting)
            is_up = view.state is NodeState.UP and not busy
            if port_mw is not None:
                self._power.sample(name, port_mw, "switch", is_up=is_up)
            elif hat_mw is not None:
                self._power.sample(name, hat_mw, "hat", is_up=is_up)


def port_power_mw(view: NodeView) -> int | None:
    """What the port gives: 0 where the switch says that it gives nothing, None where it does not tell."""
    port = view.port
    if port is None:
        return None
    return 0 if port.delivers_power is False else port.power_mw


def hat_power_mw(view: NodeView, *, probed: bool, told: bool) -> int | None:
    """What the HAT passes on at 5 V, by the probe, else by node_exporter."""
    hat = view.facts.hat if view.facts and probed else None
    if hat is not None and hat.power_mw is not None:
        return hat.power_mw
    current_ma = view.metrics.hat_ma if view.metrics and told else None
    return None if current_ma is None else current_ma * 5


def _is_fresh(reading: Reading[object], now: datetime) -> bool:
    if reading.problem is not None or reading.taken_at is None or reading.value is None:
        return False
    return (now - reading.taken_at).total_seconds() <= FRESH_S


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
