"""Deletion in a demo cluster: propagation policies, the garbage collector, expired Jobs."""

from datetime import datetime

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.jobs import is_finished
from homelab_tui.demo.objects import Change, Key, Object, parse_rfc3339, rfc3339

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
ORPHAN_S = 0.3
"""From an orphaning delete to the object's end, while the collector frees its dependents."""
_DEPENDENTS = {"cronjobs": "jobs", "jobs": "pods"}


class GarbageCollector:
    """What happens to an object's dependents, and when the object itself is gone."""

    def __init__(self, cluster: DemoCluster) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self._ttl_armed: dict[str, int] = {}
        self.store.subscribe(self._changed)

    def delete(self, resource: str, body: Object, policy: str, grace_s: int | None = None) -> Object | None:
        """Delete as the API does; returns the object while it still exists (finalizers, grace), else None.

        `policy`: Background, Foreground or Orphan.
        """
        meta = body["metadata"]
        space, name = meta.get("namespace", ""), meta["name"]
        if resource == "pods":
            return self._delete_pod(body, grace_s)
        if resource == "namespaces":
            for inside in ("cronjobs", "jobs", "pods", "events", "services", "poddisruptionbudgets"):
                for stored in self.store.all(inside, name):
                    self.store.remove(inside, name, stored.body["metadata"]["name"])
        finalizer = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(policy)
        if finalizer is None or resource not in _DEPENDENTS:
            self.delete_now(resource, space, name)
            return None
        if "deletionTimestamp" not in meta:
            changed = self.store.require(resource, space, name)
            changed["metadata"] |= {
                "deletionTimestamp": rfc3339(self.cluster.clock.now()),
                "deletionGracePeriodSeconds": 0,
                "finalizers": [*meta.get("finalizers", ()), finalizer],
            }
            self.store.update(resource, changed)
            if finalizer == FOREGROUND:
                for dependent in self._dependents(resource, meta["uid"]):
                    self.delete(_DEPENDENTS[resource], dependent, "Foreground")
                self.cluster.after(0.1, lambda: self._finish_foreground(resource, (space, name)))
            else:
                self.cluster.after(ORPHAN_S, lambda: self._finish_orphaning(resource, (space, name)))
        return self.store.body(resource, space, name)

    def delete_now(self, resource: str, space: str, name: str) -> None:
        """Background deletion: the object goes at once, its dependents right after."""
        stored = self.store.get(resource, space, name)
        if stored is None:
            return
        self.store.remove(resource, space, name)
        for dependent in self._dependents(resource, stored.body["metadata"]["uid"]):
            self.delete(_DEPENDENTS[resource], dependent, "Background")

    def _delete_pod(self, pod: Object, grace_s: int | None) -> Object | None:
        meta = pod["metadata"]
        changed = self.store.body("pods", meta["namespace"], meta["name"])
        if changed is None:
            return None
        if pod["status"]["phase"] in ("Succeeded", "Failed") or grace_s == 0 or not pod["spec"].get("nodeName"):
            self.store.remove("pods", meta["namespace"], meta["name"])
            return None
        if "deletionTimestamp" not in meta:
            changed["metadata"]["deletionTimestamp"] = rfc3339(self.cluster.clock.now())
            changed["metadata"]["deletionGracePeriodSeconds"] = 30 if grace_s is None else grace_s
            self.store.update("pods", changed)
            self.cluster.record(
                pod, "Killing", f"Stopping container {pod['spec']['containers'][0]['name']}", source="kubelet"
            )
        return changed

    def _dependents(self, resource: str, uid: str) -> list[Object]:
        return self.cluster.owned_by(uid) if resource in _DEPENDENTS else []

    def _finish_foreground(self, resource: str, key: Key) -> None:
        stored = self.store.get(resource, *key)
        if stored is None:
            return
        if self._dependents(resource, stored.body["metadata"]["uid"]):
            self.cluster.after(0.2, lambda: self._finish_foreground(resource, key))
        else:
            self.store.remove(resource, *key)

    def _finish_orphaning(self, resource: str, key: Key) -> None:
        stored = self.store.get(resource, *key)
        if stored is None:
            return
        uid = stored.body["metadata"]["uid"]
        for dependent in self._dependents(resource, uid):
            meta = dependent["metadata"]
            freed = self.store.body(_DEPENDENTS[resource], meta["namespace"], meta["name"])
            if freed is not None:
                kept = [ref for ref in meta["ownerReferences"] if ref["uid"] != uid]
                freed["metadata"].pop("ownerReferences")
                if kept:
                    freed["metadata"]["ownerReferences"] = kept
                self.store.update(_DEPENDENTS[resource], freed)
        self.store.remove(resource, *key)

    # -- expired Jobs --------------------------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        if change.resource != "jobs":
            return
        meta = change.stored.body["metadata"]
        if change.type == "DELETED":
            self._ttl_armed.pop(meta["uid"], None)
            return
        ttl = change.stored.body["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or not is_finished(change.stored.body) or self._ttl_armed.get(meta["uid"]) == ttl:
            return
        self._ttl_armed[meta["uid"]] = ttl
        left = ttl - (self.cluster.clock.now() - _finished_at(change.stored.body)).total_seconds()
        self.cluster.after(left, lambda: self._expire((meta["namespace"], meta["name"]), meta["uid"]))

    def _expire(self, key: Key, uid: str) -> None:
        stored = self.store.get("jobs", *key)
        if stored is None or stored.body["metadata"]["uid"] != uid:
            return
        ttl = stored.body["spec"].get("ttlSecondsAfterFinished")
        passed = (self.cluster.clock.now() - _finished_at(stored.body)).total_seconds()
        if ttl is not None and passed >= ttl:
            self.delete_now("jobs", *key)


def _finished_at(job: Object) -> datetime:
    stamps = [
        condition["lastTransitionTime"]
        for condition in job["status"].get("conditions", ())
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True"
    ]
    return parse_rfc3339(stamps[0])
