"""The demo lab's one truth: machines, switch ports and what happens to them as time goes by.

Every server of the lab reads this object, so that a Pi without power is gone from SSH, from its Kubernetes Ready
condition, from Prometheus' `up` and from its switch port at once.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from random import Random
from threading import RLock

from homelab_tui.demo.clock import Clock
from homelab_tui.demo.hardware import DemoNode, DemoPort, DemoSwitch, bastion, nuc, poe_switch, raspberry_pi

__all__ = ["Clock", "DemoNode", "DemoPort", "DemoSwitch", "Listener", "World"]

Listener = Callable[[str], None]
"""Called with the name of what changed: a node ("rpi03") or a port ("sw1/3"). Must not block."""


class World:
    """Machines and switch of the demo lab. Thread-safe: SSH sessions of the lab read it from threads."""

    def __init__(
        self,
        clock: Clock | None = None,
        seed: int = 1,
        *,
        nodes: int = 8,
        boot_s: float = 4.0,
        search_s: float = 2.0,
        drift: bool = True,
    ) -> None:
        """`nodes`: half NUCs, half Pis; `boot_s`: power to an OS that answers; `search_s`: PoE detection;
        `drift`: nuc02 lost a memory module."""
        self.clock = clock or Clock()
        self.seed = seed
        self.boot_s = boot_s
        self.search_s = search_s
        self.lock = RLock()
        self._rng = Random(seed)
        self._listeners: list[Listener] = []
        now = self.clock.now()
        self.started = now - timedelta(days=63)
        """When the clusters were set up."""
        machines = [nuc(i, self._rng, now, drifts=drift and i == 2) for i in range(1, nodes - nodes // 2 + 1)]
        machines += [raspberry_pi(i, self._rng, now) for i in range(1, nodes // 2 + 1)]
        self.nodes: dict[str, DemoNode] = {node.name: node for node in machines}
        self.bastion: DemoNode = bastion(self._rng, now)
        """The jump host: no node of the clusters, never on the switch's list."""
        self.switch: DemoSwitch = poe_switch(self.nodes, self.clock.monotonic() - 3_600_000)

    # -- reading -------------------------------------------------------------------------------------------------------

    def is_up(self, name: str) -> bool:
        """True while the node's OS answers: powered, booted and not hung.

        Raises: KeyError for a name the lab does not have.
        """
        self.tick()
        return self.nodes[name].power == "on"

    def tick(self) -> None:
        """Let time-driven transitions happen (searching → delivering, booting → on). Cheap; call before each read."""
        changed: list[str] = []
        with self.lock:
            now = self.clock.monotonic()
            for port in self.switch.ports.values():
                if port.powered_at is not None and now >= port.powered_at:
                    changed += self._deliver(port, port.powered_at)
            for node in (*self.nodes.values(), self.bastion):
                if node.boot_ready_at is not None and now >= node.boot_ready_at:
                    node.boot_ready_at, node.power = None, "on"
                    changed.append(node.name)
        self._tell(changed)

    # -- changing ------------------------------------------------------------------------------------------------------

    def set_port_admin(self, port: int, on: bool) -> None:
        """pethPsePortAdminEnable. Off cuts the power at once; on starts searching, delivers `search_s` later.

        Setting what is already set changes nothing. Raises: KeyError for a port the switch does not have.
        """
        self.tick()
        with self.lock:
            changed = self._power_up(self.switch.ports[port]) if on else self._power_down(self.switch.ports[port])
        self._tell(changed)

    def hang(self, name: str) -> None:
        """The kernel stops: it still draws power and answers nothing until its power is cycled."""
        self._set_power(name, "hung")

    def reboot(self, name: str) -> None:
        """A warm reboot: `boot_s` seconds of silence, then a new boot_id. A node without power stays off."""
        with self.lock:
            node = self._machine(name)
            if node.power == "off":
                return
            self._boot(node, self.clock.monotonic())
        self._tell([name])

    def halt(self, name: str) -> None:
        """The OS ends; the machine stays dark, and a Pi's port goes on delivering, until its power is cycled."""
        with self.lock:
            node = self._machine(name)
            node.power, node.boot_ready_at, node.silent_since = "off", None, self.clock.monotonic()
            if node.port is not None:
                self.switch.ports[node.port].has_link = False
        self._tell([name] if node.port is None else [name, f"{self.switch.name}/{node.port}"])

    def set_throttled(self, name: str, bits: int) -> None:
        """The Pi's current get_throttled bits (low half); each also latches its since-boot twin."""
        with self.lock:
            node = self.nodes[name]
            node.throttled = (node.throttled & ~0xF) | (bits & 0xF) | ((bits & 0xF) << 16)
        self._tell([name])

    def count_fault(self, port: int, *, overload: int = 0, denied: int = 0, short: int = 0) -> None:
        """Add to a port's trouble counters."""
        with self.lock:
            entry = self.switch.ports[port]
            entry.overload += overload
            entry.power_denied += denied
            entry.short += short
        self._tell([f"{self.switch.name}/{port}"])

    def strain(self, port: int, more_mw: int) -> None:
        """Make the device on a port draw that much more, until its power is cut."""
        with self.lock:
            self.switch.ports[port].strain_mw = more_mw
        self._tell([f"{self.switch.name}/{port}"])

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Hear of every change; returns the function that unsubscribes. Called outside the lock, in any thread."""
        with self.lock:
            self._listeners.append(callback)

        def unsubscribe() -> None:
            with self.lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return unsubscribe

    # -- inside (the lock is held) -------------------------------------------------------------------------------------

    def _machine(self, name: str) -> DemoNode:
        return self.bastion if name == self.bastion.name else self.nodes[name]

    def _power_down(self, port: DemoPort) -> list[str]:
        if port.admin == 2:
            return []
        was_delivering = port.delivers_power
        port.admin, port.detection, port.powered_at, port.strain_mw = 2, 1, None, 0
        port.has_link = port.has_link and port.device is None
        changed = [f"{self.switch.name}/{port.number}"]
        if was_delivering and port.device in self.nodes:
            node = self.nodes[port.device]
            node.power, node.boot_ready_at = "off", None
            changed.append(node.name)
        return changed

    def _power_up(self, port: DemoPort) -> list[str]:
        if port.admin == 1:
            return []
        port.admin, port.detection = 1, 2
        if port.device is not None:
            port.powered_at = self.clock.monotonic() + self.search_s
        return [f"{self.switch.name}/{port.number}"]

    def _deliver(self, port: DemoPort, at: float) -> list[str]:
        port.powered_at = None
        now = self.clock.now()
        if self.switch.consumption_mw(now) + port.base_power_mw > self.switch.budget_w * 1000:
            # The budget is spent: the port counts the denial and keeps searching, as RFC 3621 says it.
            port.power_denied += 1
            port.powered_at = at + self.search_s
            return [f"{self.switch.name}/{port.number}"]
        port.detection, port.has_link = 3, True
        changed = [f"{self.switch.name}/{port.number}"]
        if port.device in self.nodes:
            self._boot(self.nodes[port.device], at)
            changed.append(port.device)
        return changed

    def _boot(self, node: DemoNode, at: float) -> None:
        node.power, node.boot_ready_at, node.silent_since = "booting", at + self.boot_s, None
        node.boot_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        node.booted_at = self.clock.now()
        node.throttled = 0

    def _set_power(self, name: str, power: str) -> None:
        with self.lock:
            node = self.nodes[name]
            if power == "hung" and node.power in ("on", "booting"):
                node.power, node.boot_ready_at, node.silent_since = "hung", None, self.clock.monotonic()
        self._tell([name])

    def _tell(self, changed: list[str]) -> None:
        for name in changed:
            for listener in tuple(self._listeners):
                listener(name)
