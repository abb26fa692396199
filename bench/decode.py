"""100,000 Prometheus series decoded: ours beside the best decoder there is, and beside Python's own.

Target of issue 4: within 1.5 x of the best.
"""

import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator

from bench._load_objects import Crowd, series, vector
from homelab_tui.sources import kube_state_metrics, prometheus_answers
from homelab_tui.sources.prometheus_pieces import Pieces

SERIES = 100_000
ROUNDS = 5
_READ_BYTES = 65_536


def main() -> None:
    """Print CPU, the longest time in which no other thread runs, and memory at its highest."""
    body = _body()
    print(f"{SERIES:,} series, {len(body) / 1e6:.1f} MB")
    best_ms = _measured("msgspec, one call", lambda: [len(prometheus_answers.vector(body).samples)], None)
    _measured("msgspec in pieces: what we do", lambda: _in_pieces(body), best_ms)
    _measured("… and Jobs and CronJobs of them", lambda: _jobs(body), best_ms)
    _measured("json of the standard library", lambda: [len(json.loads(body)["data"]["result"])], best_ms)


def _body() -> bytes:
    found = []
    for sample in series(Crowd(12_500, 2_000)):
        found.append(sample)
        if len(found) == SERIES:
            break
    return vector(iter(found), 1_700_000_000.0)


def _in_pieces(body: bytes) -> list[int]:
    pieces = Pieces()
    return [*(len(pieces.add(part)) for part in _parts(body)), len(pieces.end().samples)]


def _jobs(body: bytes) -> list[int]:
    pieces, found = Pieces(), kube_state_metrics.Collector("load")
    for part in _parts(body):
        found.add(pieces.add(part))
    found.add(pieces.end().samples)
    return [len(found.series()[0])]


def _parts(body: bytes) -> Iterator[bytes]:
    """As they come from the network."""
    return (body[at : at + _READ_BYTES] for at in range(0, len(body), _READ_BYTES))


def _measured(name: str, work: Callable[[], list[int]], best_ms: float | None) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    tracemalloc.start()
    work()
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    found_ms = statistics.median(times)
    ratio = "" if best_ms is None else f"   {found_ms / best_ms:5.2f} x"
    print(f"{name:32} {found_ms:6.0f} ms CPU, at most {peak_mb:4.0f} MB{ratio}")
    return found_ms


if __name__ == "__main__":
    main()
