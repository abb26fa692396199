"""Doors that are not what they were, and sources that do not tell. Pure."""

import shlex
from datetime import datetime

from homelab_tui.domain.incident_values import Evidence, Incident, Severity
from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.reading import HealthState, Reading, health
from homelab_tui.domain.state import LabState

_AWAY_S = 60.0
"""A source that answered within so many seconds is late, not away."""


def doors(state: LabState) -> list[Incident]:
    """Host keys that are not what they were, and keys that nobody here knows."""
    found = []
    for account, key in state.host_keys:
        if key.state in (HostKeyState.CHANGED, HostKeyState.REVOKED):
            known = f"; {key.known_at} has {key.known_fingerprint}" if key.known_fingerprint else ""
            found.append(
                Incident(
                    key=f"account:{account}",
                    severity=Severity.CRITICAL,
                    title=f"{account}: its host key is {key.state.value}",
                    evidence=(Evidence("key", f"{key.host} shows {key.fingerprint}{known}"),),
                    cures=("homelab keys",),
                    node=account.rpartition("@")[2],
                )
            )
    mine = {key.fingerprint for key in state.my_keys}
    if mine:
        found += _strangers(state, mine)
    return found


def _strangers(state: LabState, mine: set[str]) -> list[Incident]:
    places: dict[str, list[str]] = {}
    for account, reading in state.accounts:
        for fingerprint in {cell.fingerprint for cell in reading.value.cells} if reading.value is not None else ():
            if fingerprint not in mine:
                places.setdefault(fingerprint, []).append(account)
    return [
        Incident(
            key=f"unknown:{fingerprint}",
            severity=Severity.NOTICE,
            title=f"a key that is none of mine opens {', '.join(accounts)}",
            evidence=(Evidence("key", fingerprint),),
            cures=(f"homelab keys revoke {fingerprint} --node {shlex.quote(accounts[0])} --dry-run",),
        )
        for fingerprint, accounts in sorted(places.items())
    ]


def outages(state: LabState, now: datetime) -> list[Incident]:
    """Where nobody tells, all may be wrong."""
    kinds: tuple[tuple[str, str, Severity, tuple[tuple[str, Reading[object]], ...]], ...] = (
        ("cluster", "the Kubernetes API", Severity.CRITICAL, state.clusters),
        ("prometheus", "Prometheus", Severity.WARNING, state.prometheus),
        ("alertmanager", "Alertmanager", Severity.WARNING, state.alertmanagers),
        ("switch", "the switch", Severity.WARNING, state.switches),
    )
    found = []
    for kind, noun, severity, readings in kinds:
        for name, reading in readings:
            word = health(reading, now, _AWAY_S)
            if word.state in (HealthState.DOWN, HealthState.NO_DATA):
                problem = Evidence("source", word.problem or "no reason is told")
                evidence: tuple[Evidence, ...] = (problem,)
                if reading.taken_at is not None:
                    evidence += (Evidence("source", "last good answer", reading.taken_at, is_good=True),)
                title = f"{noun} {name} {'does not answer' if word.state is HealthState.DOWN else 'has no data'}"
                found.append(Incident(f"{kind}:{name}", severity, title, evidence, ("homelab check",)))
    found += [
        Incident(
            key=f"unfinished:{sentence}",
            severity=Severity.CRITICAL,
            title=f"an earlier run left this undone: {sentence}",
            evidence=(Evidence("source", "it is in the journal; R in the dashboard restores it"),),
        )
        for sentence in state.unfinished
    ]
    return found
