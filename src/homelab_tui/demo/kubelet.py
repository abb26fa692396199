"""Scheduler and kubelets of a demo cluster: where pods run, what they print, how they end."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.jobs import TRACKING
from homelab_tui.demo.objects import Change, Key, Object, rfc3339
from homelab_tui.demo.programs import Program

START_S = 0.8
"""From a created pod to a running container: scheduling, image, sandbox."""
TERMINATE_S = 1.0
"""From a pod's deletion to its end, while its node answers."""
RESTART_S = 10.0
"""First back-off of a container that is restarted in place."""


@dataclass(slots=True)
class Run:
    """One run of a pod's container, as the kubelet keeps it for its logs."""

    program: Program
    started_at: datetime
    ended_at: datetime | None = None

    def lines(self, now: datetime) -> list[tuple[datetime, str]]:
        """What it has printed by now, each line with its time."""
        end = min(now, self.ended_at or now)
        stamped = zip(self.program.line_times(), self.program.log, strict=True)
        return [(at, line) for offset, line in stamped if (at := self.started_at + timedelta(seconds=offset)) <= end]


class Kubelet:
    """Places pods on machines that answer and runs their containers by `program_for`."""

    def __init__(self, cluster: DemoCluster, program_for: Callable[[Object, datetime], Program]) -> None:
        """`program_for(pod, started_at)` decides what a container does when it starts."""
        self.cluster = cluster
        self.store = cluster.store
        self.program_for = program_for
        self.runs: dict[str, list[Run]] = {}
        """By pod uid, oldest first."""
        self.machines = {node.name: node for node in cluster.world.nodes.values() if node.cluster == cluster.name}
        self.store.subscribe(self._changed)

    def lose_containers(self, node: str) -> None:
        """A machine booted: what ran on it is gone, and its kubelet says so."""
        message = "The container could not be located when the pod was terminated"
        for stored in self.store.unordered("pods"):
            pod = stored.body
            if pod["spec"].get("nodeName") == node and pod["status"]["phase"] == "Running":
                self._end(_key(pod), Program(0.0, 137, (), "ContainerStatusUnknown"), message)

    def _changed(self, change: Change) -> None:
        if change.resource != "pods":
            return
        pod = change.stored.body
        key = _key(pod)
        if change.type == "DELETED":
            self.cluster.after(5.0, lambda: self._forget(pod["metadata"]["uid"]))
        elif (
            change.type == "ADDED"
            and pod["status"]["phase"] == "Pending"
            and "deletionTimestamp" not in pod["metadata"]
        ):
            self.cluster.after(START_S / 2, lambda: self._schedule(key))
        elif "deletionTimestamp" in pod["metadata"] and "deletionTimestamp" not in (change.previous or pod)["metadata"]:
            self.cluster.after(TERMINATE_S, lambda: self._terminate(key))

    def _schedule(self, key: Key) -> None:
        pod = self._live(key)
        if pod is None:
            return
        wanted = pod["spec"].get("nodeSelector", {}).get("kubernetes.io/hostname")
        ready = [name for name in self.machines if self._accepts(name) and wanted in (None, name)]
        stamp = rfc3339(self.cluster.clock.now())
        if not ready:
            count = len(self.machines)
            why = "didn't match Pod's node affinity/selector or were not ready"
            message = f"0/{count} nodes are available: {count} node(s) {why}."
            pod["status"]["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": message,
                    "lastTransitionTime": stamp,
                }
            ]
            self.store.update("pods", pod)
            self.cluster.record(pod, "FailedScheduling", message, source="default-scheduler", warning=True)
            self.cluster.after(2.0, lambda: self._schedule(key))
            return
        pod["spec"]["nodeName"] = self.cluster.rng.choice(ready)
        pod["status"] |= {
            "hostIP": self.machines[pod["spec"]["nodeName"]].address,
            "startTime": stamp,
            "conditions": [_pod_condition("PodScheduled", "True", stamp)],
            "containerStatuses": [_waiting(pod, "ContainerCreating")],
        }
        self.store.update("pods", pod)
        message = f"Successfully assigned {key[0]}/{key[1]} to {pod['spec']['nodeName']}"
        self.cluster.record(pod, "Scheduled", message, source="default-scheduler")
        self.cluster.after(START_S / 2, lambda: self._start(key))

    def _accepts(self, name: str) -> bool:
        stored = self.store.get("nodes", "", name)
        if stored is None or stored.body["spec"].get("unschedulable"):
            return False
        taints = stored.body["spec"].get("taints", ())
        return self.machines[name].power == "on" and not any(taint["effect"] == "NoSchedule" for taint in taints)

    def _start(self, key: Key) -> None:
        pod = self._live(key)
        if pod is None:
            return
        if self.machines[pod["spec"]["nodeName"]].power != "on":
            self.cluster.after(1.0, lambda: self._start(key))
            return
        now = self.cluster.clock.now()
        run = Run(self.program_for(pod, now), now)
        self._mark_running(pod, run)
        self.store.update("pods", pod)
        container = pod["spec"]["containers"][0]
        pulled = f'Container image "{container["image"]}" already present on machine'
        for reason, message in (
            ("Pulled", pulled),
            ("Created", f"Created container: {container['name']}"),
            ("Started", f"Started container {container['name']}"),
        ):
            self.cluster.record(pod, reason, message, source="kubelet")
        self.cluster.after(run.program.duration_s, lambda: self._exit(key, run))

    def adopt(self, pod: Object, run: Run) -> None:
        """Store a pod that has been running since `run.started_at`; it ends when its program does."""
        pod["status"] |= {
            "startTime": rfc3339(run.started_at),
            "hostIP": self.machines[pod["spec"]["nodeName"]].address,
        }
        pod["status"]["phase"] = "Running"
        self.store.create("pods", pod, at=run.started_at)
        running = self._live(_key(pod))
        if running is not None:
            self._mark_running(running, run)
            self.store.update("pods", running)
        left = run.program.duration_s - (self.cluster.clock.now() - run.started_at).total_seconds()
        self.cluster.after(left, lambda: self._exit(_key(pod), run))

    def _mark_running(self, pod: Object, run: Run) -> None:
        runs = self.runs.setdefault(pod["metadata"]["uid"], [])
        runs.append(run)
        stamp = rfc3339(run.started_at)
        old = (pod["status"].get("containerStatuses") or [{}])[0]
        status = _waiting(pod, "") | {
            "state": {"running": {"startedAt": stamp}},
            "lastState": old.get("lastState", {}),
            "ready": True,
            "started": True,
            "restartCount": len(runs) - 1,
            "containerID": f"containerd://{self.cluster.rng.getrandbits(256):064x}",
        }
        kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        pod["status"] |= {
            "phase": "Running",
            "podIP": f"10.233.{64 + self.cluster.rng.randrange(8)}.{self.cluster.rng.randrange(2, 250)}",
            "containerStatuses": [status],
            "conditions": [_pod_condition(kind, "True", stamp) for kind in kinds],
        }

    def _exit(self, key: Key, run: Run) -> None:
        pod = self._live(key)
        if pod is None or run.ended_at is not None or "deletionTimestamp" in pod["metadata"]:
            return
        if self.machines[pod["spec"]["nodeName"]].power != "on":
            return  # it went down with its node, which says so when it is back
        self._end(key, run.program)

    def end_now(self, key: Key, program: Program) -> None:
        """Make a running container end right now, as that program's end: what the story does to a Pi in trouble."""
        pod = self._live(key)
        runs = self.runs.get(pod["metadata"]["uid"], []) if pod else []
        if not runs or pod is None:
            return
        elapsed = (self.cluster.clock.now() - runs[-1].started_at).total_seconds()
        runs[-1].program = Program(max(0.1, elapsed), program.exit_code, program.log, program.reason)
        self._end(key, runs[-1].program)

    def _end(self, key: Key, program: Program, message: str | None = None) -> None:
        pod = self._live(key)
        if pod is None or not pod["status"].get("containerStatuses"):
            return
        now = self.cluster.clock.now()
        runs = self.runs.get(pod["metadata"]["uid"])
        started = runs[-1].started_at if runs else now
        if runs:
            runs[-1].ended_at = now
        failed = program.exit_code != 0
        terminated: Object = {
            "exitCode": program.exit_code,
            "reason": program.reason or ("Error" if failed else "Completed"),
            "startedAt": rfc3339(started),
            "finishedAt": rfc3339(now),
            "containerID": pod["status"]["containerStatuses"][0].get("containerID", ""),
        }
        tail = message or ("\n".join(program.log)[-2048:] if failed else "")
        if tail:
            terminated["message"] = tail
        status = pod["status"]["containerStatuses"][0] | {"ready": False, "started": False}
        if failed and pod["spec"]["restartPolicy"] == "OnFailure" and "deletionTimestamp" not in pod["metadata"]:
            self._restart_later(key, pod, status, terminated)
            return
        status["state"] = {"terminated": terminated}
        pod["status"] |= {
            "phase": "Failed" if failed else "Succeeded",
            "containerStatuses": [status],
            "conditions": finished_conditions(rfc3339(now), failed=failed),
        }
        self.store.update("pods", pod)

    def _restart_later(self, key: Key, pod: Object, status: Object, terminated: Object) -> None:
        waited = RESTART_S * 2 ** status.get("restartCount", 0)
        name = pod["spec"]["containers"][0]["name"]
        which = f"{key[1]}_{key[0]}({pod['metadata']['uid']})"
        message = f"back-off {int(waited)}s restarting failed container={name} pod={which}"
        status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        status["lastState"] = {"terminated": terminated}
        pod["status"]["containerStatuses"] = [status]
        self.store.update("pods", pod)
        self.cluster.record(pod, "BackOff", message, source="kubelet", warning=True)
        self.cluster.after(waited, lambda: self._start(key))

    def _terminate(self, key: Key) -> None:
        stored = self.store.get("pods", *key)
        if stored is None or "deletionTimestamp" not in stored.body["metadata"]:
            return
        pod = stored.body
        node = self.machines.get(pod["spec"].get("nodeName", ""))
        if node is not None and node.power != "on":
            self.cluster.after(TERMINATE_S, lambda: self._terminate(key))  # Terminating until its node is back
            return
        if pod["status"]["phase"] == "Running":
            self._end(key, Program(0.0, 143, ()))
        tracked = TRACKING in pod["metadata"].get("finalizers", ())
        if tracked and pod["status"]["phase"] != "Pending":
            self.cluster.after(0.05, lambda: self.store.remove("pods", *key))  # the Job controller counts it first
        else:
            self.store.remove("pods", *key)

    def _forget(self, uid: str) -> None:
        self.runs.pop(uid, None)

    def _live(self, key: Key) -> Object | None:
        pod = self.store.body("pods", *key)
        return pod if pod is not None and pod["status"]["phase"] in ("Pending", "Running") else None


def finished_conditions(stamp: str, *, failed: bool) -> list[Object]:
    """The conditions of a pod whose container has ended."""
    why = "PodFailed" if failed else "PodCompleted"
    return [
        _pod_condition("PodReadyToStartContainers", "False", stamp),
        _pod_condition("Initialized", "True", stamp),
        _pod_condition("Ready", "False", stamp, why),
        _pod_condition("ContainersReady", "False", stamp, why),
        _pod_condition("PodScheduled", "True", stamp),
    ]


def _key(pod: Object) -> Key:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _waiting(pod: Object, reason: str) -> Object:
    container = pod["spec"]["containers"][0]
    return {
        "name": container["name"],
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "",
        "started": False,
    }


def _pod_condition(kind: str, status: str, stamp: str, reason: str | None = None) -> Object:
    found: Object = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": stamp}
    return found | ({"reason": reason} if reason else {})
