"""The Node objects of a demo cluster: they say what the machines do, with a kubelet's delay."""

from datetime import timedelta

from homelab_tui.demo import manifests
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.hardware import DemoNode
from homelab_tui.demo.kubelet import Kubelet
from homelab_tui.demo.objects import Object, rfc3339


class NodeController:
    """Keeps Node objects true to the machines."""

    def __init__(self, cluster: DemoCluster, kubelet: Kubelet, node_grace_s: float = 8.0) -> None:
        """`node_grace_s`: silence until Ready turns Unknown (a real cluster waits 40 s)."""
        self.cluster = cluster
        self.store = cluster.store
        self.kubelet = kubelet
        self.node_grace_s = node_grace_s
        self.machines = kubelet.machines
        self._seen: dict[str, tuple[str, str]] = {}
        self._silent_since: dict[str, float] = {}
        for machine in self.machines.values():
            self.store.create("nodes", self._fresh_node(machine), at=cluster.clock.now() - timedelta(days=63))
            self._seen[machine.name] = (machine.power, machine.boot_id)
        cluster.on_step.append(self.watch_machines)

    def _fresh_node(self, machine: DemoNode) -> Object:
        node = manifests.node(machine)
        stamp = rfc3339(machine.booted_at)
        node["status"]["conditions"] = [
            _node_condition(
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
                stamp,
            ),
            _node_condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", stamp),
            _node_condition(
                "PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available", stamp
            ),
            _node_condition("Ready", "True", "KubeletReady", "kubelet is posting ready status", stamp),
        ]
        return node

    def watch_machines(self) -> None:
        """Follow the machines: a silent one turns Unknown after the grace, one that booted loses its containers."""
        now = self.cluster.clock.monotonic()
        for name, machine in self.machines.items():
            before, seen = self._seen[name], (machine.power, machine.boot_id)
            if machine.power != "on":
                since = self._silent_since.setdefault(name, now)
                if now >= since + self.node_grace_s:
                    self._mark_silent(name)
            elif before != seen or name in self._silent_since:
                self._silent_since.pop(name, None)
                self._mark_ready(machine, rebooted=before[1] != machine.boot_id)
            if machine.power == "on":
                self._seen[name] = seen

    def _mark_silent(self, name: str) -> None:
        node = self.store.body("nodes", "", name)
        if node is None or node["status"]["conditions"][-1]["status"] == "Unknown":
            return
        stamp = rfc3339(self.cluster.clock.now())
        for condition in node["status"]["conditions"]:
            condition |= {
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
                "lastTransitionTime": stamp,
            }
        taints = node["spec"].get("taints", [])
        unreachable = {"key": "node.kubernetes.io/unreachable", "timeAdded": stamp}
        node["spec"]["taints"] = [
            *taints,
            {**unreachable, "effect": "NoSchedule"},
            {**unreachable, "effect": "NoExecute"},
        ]
        self.store.update("nodes", node, manager="kube-controller-manager")  # the machine cannot say it
        self.cluster.record(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady", source="node-controller")

    def _mark_ready(self, machine: DemoNode, *, rebooted: bool) -> None:
        old = self.store.body("nodes", "", machine.name)
        if old is None:
            return
        fresh = self._fresh_node(machine)
        if not rebooted:
            stamp = rfc3339(self.cluster.clock.now())
            for condition in fresh["status"]["conditions"]:
                condition["lastTransitionTime"] = stamp
        old["status"] = fresh["status"]
        taints = [taint for taint in old["spec"].get("taints", []) if "unreachable" not in taint["key"]]
        old["spec"].pop("taints", None)
        if taints:
            old["spec"]["taints"] = taints
        self.store.update("nodes", old)
        if rebooted:
            message = f"Node {machine.name} has been rebooted, boot id: {machine.boot_id}"
            self.cluster.record(old, "Rebooted", message, source="kubelet", warning=True)
            self.kubelet.lose_containers(machine.name)
        self.cluster.record(old, "NodeReady", f"Node {machine.name} status is now: NodeReady", source="kubelet")


def _node_condition(kind: str, status: str, reason: str, message: str, stamp: str) -> Object:
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
        "reason": reason,
        "message": message,
    }
