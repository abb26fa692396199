"""A lab with many Jobs in a process of its own. Run as a script by `watch` and `load`.

Arguments: JOBS CRONJOBS CONFIG. Prints `ready`, then obeys lines of stdin: `fail NAME`, `remove NAME`, `churn RATE`
(changes a second).
"""

import asyncio
import itertools
import sys
import threading
from pathlib import Path

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.objects import ObjectStore
from homelab_tui.demo.site import CROWD


class World:
    """The Jobs of the crowd, and what is done to them."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._churning: asyncio.Task[None] | None = None

    def obey(self, line: str) -> None:
        """One command."""
        verb, _, argument = line.partition(" ")
        if verb == "fail":
            job = self._store.require("jobs", CROWD, argument)
            job["status"] = self._store.require("jobs", CROWD, "crowd-00000")["status"]
            self._store.update("jobs", job)
        elif verb == "remove":
            self._store.remove("jobs", CROWD, argument)
        elif verb == "churn":
            if self._churning is not None:
                self._churning.cancel()
            self._churning = asyncio.create_task(self._churn(float(argument)))

    async def _churn(self, per_second: float) -> None:
        """Changes of Jobs that ended well: each makes an event, hardly any a line on the screen."""
        names = [stored.body["metadata"]["name"] for stored in self._store.all("jobs", CROWD)][101:]
        for count, name in enumerate(itertools.cycle(names)):
            job = self._store.body("jobs", CROWD, name)
            if job is not None:
                job["metadata"].setdefault("annotations", {})["bench/count"] = str(count)
                job["status"]["ready"] = count % 7
                self._store.update("jobs", job)
            await asyncio.sleep(1 / per_second)


async def serve(jobs: int, cronjobs: int, config: Path) -> None:
    """Until stdin ends."""
    lab = DemoLab(jobs=jobs, cronjobs=cronjobs, story=False, ssh=False, snmp=False, catalogue=False, interval_s=15.0)
    async with lab:
        lab.write_config(config)
        world, loop, over = World(lab.sites["nuc"].cluster.store), asyncio.get_running_loop(), asyncio.Event()

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(world.obey, line.strip())
            loop.call_soon_threadsafe(over.set)

        threading.Thread(target=read, daemon=True).start()
        print("ready", flush=True)
        await over.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
