"""Complete API objects of the demo clusters, as a real API server (1.32) would send them."""

from datetime import datetime
from typing import Any

from homelab_tui.demo.hardware import DemoNode
from homelab_tui.demo.objects import Object, rfc3339

KUBELET = "v1.32.4"


def namespace(name: str) -> Object:
    """An active Namespace."""
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def service(space: str, name: str, port: int) -> Object:
    """A ClusterIP Service with one port."""
    return {
        "metadata": {"name": name, "namespace": space, "labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "ports": [{"name": "http-web", "protocol": "TCP", "port": port, "targetPort": port}],
            "selector": {"app.kubernetes.io/name": name},
            "clusterIP": "10.233.14.87",
            "clusterIPs": ["10.233.14.87"],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def disruption_budget(space: str, name: str, app: str) -> Object:
    """A PodDisruptionBudget that keeps the one Pod of an app where it is."""
    selector = {"matchLabels": {"app.kubernetes.io/name": app}}
    return {"metadata": {"name": name, "namespace": space}, "spec": {"minAvailable": 1, "selector": selector}}


def node(machine: DemoNode) -> Object:
    """The Node of a machine, without conditions: the node controller sets them."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[machine.arch]
    labels = {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": machine.name,
        "kubernetes.io/os": "linux",
    }
    spec: dict[str, Any] = {"podCIDR": f"10.233.{64 + int(machine.name[3:]) % 100}.0/24"}
    spec["podCIDRs"] = [spec["podCIDR"]]
    if machine.role == "control-plane":
        labels |= {
            "node-role.kubernetes.io/control-plane": "",
            "node.kubernetes.io/exclude-from-external-load-balancers": "",
        }
        spec["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    memory_ki = f"{machine.memory_bytes // 1024}Ki"
    resources = {
        "cpu": str(machine.threads),
        "ephemeral-storage": f"{machine.disk_bytes // 1024 * 94 // 100}Ki",
        "hugepages-2Mi": "0",
        "memory": memory_ki,
        "pods": "110",
    }
    return {
        "metadata": {
            "name": machine.name,
            "labels": labels,
            "annotations": {
                "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock",
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": spec,
        "status": {
            "capacity": resources,
            "allocatable": {**resources, "memory": f"{machine.memory_bytes // 1024 - 102400}Ki"},
            "addresses": [
                {"type": "InternalIP", "address": machine.address},
                {"type": "Hostname", "address": machine.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "machineID": machine.machine_id,
                "systemUUID": machine.machine_id,
                "bootID": machine.boot_id,
                "kernelVersion": machine.kernel,
                "osImage": machine.os_pretty,
                "containerRuntimeVersion": "containerd://1.7.27",
                "kubeletVersion": KUBELET,
                "kubeProxyVersion": KUBELET,
                "operatingSystem": "linux",
                "architecture": arch,
            },
        },
    }


def pod_template(
    app: str, image: str, command: list[str], *, restart: str = "Never", on_node: str | None = None
) -> Object:
    """A pod template with one container; `on_node` pins it by node selector."""
    spec: Object = {
        "containers": [
            {
                "name": app,
                "image": image,
                "command": command,
                "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    if on_node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": on_node}
    return {"metadata": {"creationTimestamp": None, "labels": {"app.kubernetes.io/name": app}}, "spec": spec}


def job_spec(template: Object, **extra: object) -> Object:
    """A Job's spec before defaulting, camelCase keys in `extra` (backoffLimit, activeDeadlineSeconds, ...)."""
    return {"template": template, **extra}


def cron_job(space: str, name: str, schedule: str, spec: Object, **extra: object) -> Object:
    """A CronJob; `extra` are camelCase keys of its spec."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm"}
    return {
        "metadata": {"name": name, "namespace": space, "labels": labels},
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "jobTemplate": {"metadata": {"creationTimestamp": None}, "spec": spec},
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            **extra,
        },
        "status": {},
    }


def owner_reference(owner: Object, *, block: bool = True) -> Object:
    """The controller reference to `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": block,
    }


def default_job(job: Object) -> None:
    """What the API server fills into a new Job in place: defaults, selector and the labels of its pods.

    The uid must be there already.
    """
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]
    spec = job["spec"]
    spec.setdefault("parallelism", 1)
    spec.setdefault("completions", 1)
    # with a limit for each index, the one for all is out of reach
    spec.setdefault("backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else 2**31 - 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    spec.setdefault("manualSelector", None)
    if spec["manualSelector"] is None:
        del spec["manualSelector"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template_meta = spec["template"].setdefault("metadata", {})
    template_meta.setdefault("creationTimestamp", None)
    template_meta["labels"] = {**(template_meta.get("labels") or {}), **labels}
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    pod_spec = spec["template"]["spec"]
    pod_spec.setdefault("dnsPolicy", "ClusterFirst")
    pod_spec.setdefault("schedulerName", "default-scheduler")
    pod_spec.setdefault("securityContext", {})
    pod_spec.setdefault("terminationGracePeriodSeconds", 30)
    for container in pod_spec["containers"]:
        container.setdefault("imagePullPolicy", "IfNotPresent")
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
    meta = job["metadata"]
    meta["labels"] = {**template_meta["labels"], **(meta.get("labels") or {})}
    job.setdefault("status", {})


def pod(job: Object, name: str) -> Object:
    """A pending pod of a Job, not yet scheduled."""
    template = job["spec"]["template"]
    spec: Object = {
        **template["spec"],
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "enableServiceLinks": True,
    }
    return {
        "metadata": {
            "name": name,
            "generateName": f"{job['metadata']['name']}-",
            "namespace": job["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "finalizers": ["batch.kubernetes.io/job-tracking"],
            "ownerReferences": [owner_reference(job)],
        },
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }


def event(
    about: Object, reason: str, message: str, at: datetime, *, source: str, warning: bool = False, suffix: str
) -> Object:
    """An Event about an object; the caller counts repeats."""
    meta = about["metadata"]
    space = meta.get("namespace", "default")
    return {
        "metadata": {"name": f"{meta['name']}.{suffix}", "namespace": space},
        "involvedObject": {
            "kind": about["kind"],
            "namespace": space,
            "name": meta["name"],
            "uid": meta["uid"],
            "apiVersion": about["apiVersion"],
            "resourceVersion": meta["resourceVersion"],
        },
        "reason": reason,
        "message": message,
        "source": {"component": source},
        "firstTimestamp": rfc3339(at),
        "lastTimestamp": rfc3339(at),
        "count": 1,
        "type": "Warning" if warning else "Normal",
        "eventTime": None,
        "reportingComponent": source,
        "reportingInstance": "",
    }


def condition(kind: str, at: datetime, reason: str | None = None, message: str | None = None) -> Object:
    """A true condition of a Job."""
    stamp = rfc3339(at)
    found: Object = {"type": kind, "status": "True", "lastProbeTime": stamp, "lastTransitionTime": stamp}
    if reason:
        found["reason"] = reason
    if message:
        found["message"] = message
    return found
