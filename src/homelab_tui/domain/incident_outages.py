"""Doors that are not what they were, and sources that do not tell. Pure."""

import shlex

from homelab_tui.domain.incident_values import Evidence, Incident, Severity
from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState


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


def outages(state: LabState) -> list[Incident]:
    """Where nobody tells, all may be wrong."""
    kinds: tuple[tuple[str, str, Severity, tuple[tuple[str, Reading[object]], ...]], ...] = (
        ("cluster", "the Kubernetes API", Severity.CRITICAL, state.clusters),
        ("prometheus", "Prometheus", Severity.WARNING, state.prometheus),
        ("alertmanager", "Alertmanager", Severity.WARNING, state.alertmanagers),
        ("switch", "the switch", Severity.WARNING, state.switches),
    )
    found = []
    for kind, word, severity, readings in kinds:
        for name, reading in readings:
            problem = reading.problem or reading.missing
            if problem is not None:
                last = Evidence("source", "last good answer", reading.taken_at, is_good=True)
                evidence = (Evidence("source", problem), last)
                title = f"{word} {name} {'does not answer' if reading.problem else 'has no data'}"
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
