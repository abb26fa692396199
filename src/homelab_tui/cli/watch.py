"""`homelab watch`: the incidents as they come and go, told to a terminal, a script, or somebody's phone."""

import argparse
import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import Exit, print_json, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceError, UsageError
from homelab_tui.domain.incident_changes import ChangeKind, IncidentChange, IncidentLog
from homelab_tui.domain.incidents import incidents
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import reading_health, together
from homelab_tui.present.incidents import change_document, change_line
from homelab_tui.present.incidents import document as incidents_document
from homelab_tui.present.times import rfc3339

_STEADY_S = 5.0
_LOOK_S = 1.0
_TRIES = 3
_RETRY_S = 2.0


class SendsNews(Protocol):
    """A place that news is sent to."""

    name: str

    async def send(self, title: str, severity: str, text: str, document: dict[str, object]) -> None:
        """Raises: SourceError when it did not arrive."""
        ...


def run(options: argparse.Namespace) -> int:
    """Until it is ended; with `--once`, one look. Exit 1 when the one look's news could not be delivered."""
    places = _places(options.notify, as_ntfy=options.ntfy)

    async def command(lab: Lab) -> int:
        if options.once:
            return await _once(lab, places, as_json=options.json)
        return await _watch(lab, places, as_json=options.json)

    return run_with_lab(options.config, command)


def _places(given: Sequence[str], *, as_ntfy: bool) -> list[SendsNews]:
    from homelab_tui.wiring import build_webhook  # names every source: not before it is needed

    found: list[SendsNews] = []
    for number, word in enumerate(given, 1):
        try:
            found.append(build_webhook(Secret(_address(word)), as_ntfy=as_ntfy))
        except ValueError as error:
            # Not the word itself: such an address often is a password.
            raise UsageError(f"--notify, number {number}: {error}") from None
    return found


def _address(word: str) -> str:
    """The address, or what stands in the file of `@FILE`: other users can read a command line."""
    if not word.startswith("@"):
        return word
    path = Path(word[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--notify {word}: the file cannot be read ({error.__class__.__name__})") from error


async def _once(lab: Lab, places: Sequence[SendsNews], *, as_json: bool) -> int:
    lab.find_unfinished()
    state = await lab.read(("nodes", "keys", "switches", "clusters", "prometheus", "alertmanagers"))
    now = lab.clock.now()
    news = IncidentLog(0.0).observe(incidents(state, now), now)
    if as_json:
        print_json(incidents_document([change.incident for change in news], now))
    else:
        _print(news, now, as_json=False)
    delivered = [await _deliver(places, change) for change in news]
    kinds = (state.clusters, state.prometheus, state.switches)
    silent = source_status([together([reading_health(reading, now) for _, reading in kind]) for kind in kinds])
    return silent or int(Exit.DONE if all(delivered) else Exit.TARGET_FAILED)


async def _watch(lab: Lab, places: Sequence[SendsNews], *, as_json: bool) -> int:
    """Looks at every change of the state, and every second. News waits for nobody: it is delivered beside the looks."""
    log = IncidentLog(_STEADY_S)
    changed = asyncio.Event()
    waiting: asyncio.Queue[IncidentChange] = asyncio.Queue()
    lab.store.subscribe(lambda _state: changed.set())
    lab.start()
    tell("homelab: watching; ctrl+c ends it")
    courier = asyncio.create_task(_carry(waiting, places))
    try:
        while True:
            now = lab.clock.now()
            news = log.observe(incidents(lab.store.state, now), now)
            _print(news, now, as_json=as_json)
            for change in news:
                waiting.put_nowait(change)
            changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await changed.wait()
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)


def _print(news: Sequence[IncidentChange], now: datetime, *, as_json: bool) -> None:
    for change in news:
        text = json.dumps(change_document(change), ensure_ascii=False) if as_json else change_line(change, now)
        print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


async def _carry(waiting: "asyncio.Queue[IncidentChange]", places: Sequence[SendsNews]) -> None:
    while True:
        await _deliver(places, await waiting.get())


async def _deliver(places: Sequence[SendsNews], change: IncidentChange) -> bool:
    """Whether it arrived everywhere; a place that is away is told of, and costs the others nothing."""
    return all(await asyncio.gather(*(_send(place, change) for place in places)))


async def _send(place: SendsNews, change: IncidentChange) -> bool:
    incident = change.incident
    over = change.kind is ChangeKind.OVER
    title = f"over: {incident.title}" if over else incident.title
    severity = "notice" if over else incident.severity.value
    for left in reversed(range(_TRIES)):
        try:
            await place.send(title, severity, change_line(change, change.at), change_document(change))
        except SourceError as error:
            if not left:
                tell(f"homelab: {error}; given up after {_TRIES} tries: {rfc3339(change.at)} {incident.key}")
                return False
            await asyncio.sleep(_RETRY_S)
        else:
            return True
    return False
