"""One demo cluster: its objects and the time line that its controllers work on."""

import heapq
import itertools
import logging
from collections.abc import Callable
from datetime import datetime
from random import Random

from homelab_tui.demo import manifests
from homelab_tui.demo.clock import Clock
from homelab_tui.demo.objects import Change, Object, ObjectStore, rfc3339
from homelab_tui.demo.world import World

log = logging.getLogger(__name__)
EVENT_TTL_S = 3600.0


class DemoCluster:
    """Objects, timers and events of one cluster. Runs on the event loop's thread; `step` moves it to the present."""

    def __init__(
        self,
        name: str,
        world: World,
        *,
        history: int = 5000,
        clock: Clock | None = None,
    ) -> None:
        """`clock`: the control plane's own; None: the lab's."""
        self.name = name
        self.world = world
        self.clock = clock or world.clock
        self.rng = Random(f"{world.seed}-{name}")
        self.store = ObjectStore(self.clock, self.rng, history)
        self.is_full: Callable[[], bool] = lambda: False
        """True while etcd takes no writes: then no controller gets anything done."""
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._owned: dict[str, set[tuple[str, str, str]]] = {}
        self._event_keys: dict[tuple[str, str, str], str] = {}
        self._stepping = False
        self.on_step: list[Callable[[], None]] = []
        """What controllers want done in every step; each must be cheap when nothing changed."""
        self.store.subscribe(self._index)

    # -- time ----------------------------------------------------------------------------------------------------------

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something `delay_s` seconds from now, in the first step at or after that moment."""
        heapq.heappush(self._timers, (self.clock.monotonic() + max(0.0, delay_s), next(self._order), act))

    def step(self) -> None:
        """Let everything happen that is due by now: machines, timers, controllers."""
        if self._stepping:  # a controller's own write came back through the API: the outer step goes on
            return
        self._stepping = True
        try:
            self.world.tick()
            if self.is_full():
                return
            now = self.clock.monotonic()
            while self._timers and self._timers[0][0] <= now:
                self._guarded(heapq.heappop(self._timers)[2])
            for act in self.on_step:
                self._guarded(act)
        finally:
            self._stepping = False

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:  # one broken object must not stop the cluster's clock
            log.exception("demo cluster %s: a controller failed", self.name)

    # -- who owns what -------------------------------------------------------------------------------------------------

    def owned_by(self, uid: str) -> list[Object]:
        """The Jobs of a CronJob, or the pods of a Job, oldest first. Never change what you get."""
        found = [self.store.get(resource, *key) for resource, *key in self._owned.get(uid, ())]
        bodies = [stored.body for stored in found if stored is not None]
        return sorted(bodies, key=lambda body: (body["metadata"]["creationTimestamp"], body["metadata"]["name"]))

    def _index(self, change: Change) -> None:
        if change.resource not in ("pods", "jobs"):
            return
        meta = change.stored.body["metadata"]
        entry = (change.resource, meta["namespace"], meta["name"])
        for previous in (change.previous or {}).get("metadata", {}).get("ownerReferences") or ():
            left = self._owned.get(previous["uid"])
            if left is not None:
                left.discard(entry)
                if not left:
                    del self._owned[previous["uid"]]
        if change.type != "DELETED":
            for owner in meta.get("ownerReferences") or ():
                self._owned.setdefault(owner["uid"], set()).add(entry)

    # -- events --------------------------------------------------------------------------------------------------------

    def record(
        self,
        about: Object,
        reason: str,
        message: str,
        *,
        source: str,
        warning: bool = False,
        at: datetime | None = None,
    ) -> None:
        """Post an Event about an object, now or `at`; the same one again only counts up, as the broadcaster does."""
        known = (about["metadata"]["uid"], reason, message)
        now = self.clock.now()
        space = about["metadata"].get("namespace", "default")
        if known in self._event_keys:
            event = self.store.body("events", space, self._event_keys[known])
            if event is not None:
                event["count"] += 1
                event["lastTimestamp"] = rfc3339(now)
                self.store.update("events", event)
                return
        when = at or now
        left_s = EVENT_TTL_S - (now - when).total_seconds()
        if left_s <= 0:
            return  # it would have been forgotten by now
        suffix = f"{int(when.timestamp() * 1e9) + next(self._order):016x}"
        event = manifests.event(about, reason, message, when, source=source, warning=warning, suffix=suffix)
        self.store.create("events", event, at=when)
        name = event["metadata"]["name"]
        self._event_keys[known] = name

        def expire() -> None:
            self.store.remove("events", space, name)
            self._event_keys.pop(known, None)

        self.after(left_s, expire)

    def random_suffix(self, length: int = 5) -> str:
        """A suffix as the API server makes them for generateName: no vowels, no look-alikes."""
        return "".join(self.rng.choices("bcdfghjklmnpqrstvwxz2456789", k=length))
