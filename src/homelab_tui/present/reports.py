"""`homelab report`: the whole lab as one Markdown page, to keep, to diff, or to show somebody who is asked for help."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from homelab_tui.domain.incidents import incidents
from homelab_tui.domain.jobs import CronJob, Job, JobState
from homelab_tui.domain.poe import budget_mw, drawn_mw, reserved_mw
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.present.incidents import rows as incident_rows
from homelab_tui.present.jobs import reason
from homelab_tui.present.table import printable
from homelab_tui.present.times import age, local, since, size, until, watts
from homelab_tui.present.unknown_keys import unknown_keys

_READY = {True: "Ready", False: "NotReady", None: "unknown"}
_SPECIAL = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>()#|!~&"})


def report(state: LabState, now: datetime) -> str:
    """Markdown. Text from outside is escaped: it is never a link, a heading or HTML."""
    found = incidents(state, now)
    wrong = [[row.cells[0].text, row.cells[1].text, row.cells[2].text] for row in incident_rows(found, now)]
    sections = [
        f"# Homelab, {local(now)}",
        _section("What is wrong", ("severity", "since", "what"), wrong, "Nothing."),
        _section(
            "Nodes",
            ("node", "state", "model", "cores", "memory", "disk", "system", "kernel", "up", "cluster"),
            map(_node, state.node_views),
            "None is configured.",
        ),
        _section("PoE", ("switch", "port", "feeds", "state", "class", "power"), _ports(state), "No switch answers."),
        _section(
            "Keys",
            ("account", "keys", "unknown", "passwords", "sudo", "problems"),
            _accounts(state),
            "None was read.",
        ),
        _section(
            "CronJobs",
            ("CronJob", "verdict", "schedule", "last success", "next run"),
            (_cronjob(cronjob, now) for cronjob in state.jobs.cronjobs),
            "None is known.",
        ),
        _section(
            "Failed Jobs",
            ("Job", "node", "why", "failed", "alert"),
            (_job(job, now) for job in state.jobs.jobs if job.state in (JobState.FAILED, JobState.FAILING)),
            "None.",
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    lines = ["| " + " | ".join(_safe(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return f"## {title}\n\n{empty}"
    head = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return "\n".join([f"## {title}", "", *head, *lines])


def _safe(text: str) -> str:
    """Foreign text in a table's cell: printable, on one line, no markup."""
    return printable(text, 300).translate(_SPECIAL)


def _node(view: NodeView) -> list[str]:
    facts, kube = view.facts, view.kubernetes
    return [
        view.node.name,
        view.state.value + (f": {view.why}" if view.why else ""),
        (facts.model if facts else None) or view.node.spec.model or "–",
        "–" if facts is None or facts.cores is None else str(facts.cores),
        size(facts.board_memory_bytes or facts.memory_bytes) if facts else "–",
        size(facts.disk_bytes) if facts else "–",
        (facts.os if facts else None) or "–",
        (facts.kernel if facts else None) or "–",
        age(facts.uptime_s) if facts else "–",
        "–" if kube is None else f"{kube.cluster} {_READY[kube.ready]}",
    ]


def _ports(state: LabState) -> Iterable[list[str]]:
    feeds = {(view.port.ref if view.port else view.node.poe): view.node.name for view in state.node_views}
    for name, reading in state.switches:
        value = reading.value
        if value is None:
            continue
        total = f"{watts(drawn_mw(value))} of {watts(budget_mw(value))}, {watts(reserved_mw(value))} reserved"
        yield [name, "all", "", value.model or "", "", total]
        for port in value.ports:
            word = port.detection.value if port.detection else "unknown"
            word += " (off)" if port.admin_on is False else ""
            power_class = "–" if port.power_class is None else str(port.power_class)
            yield [name, str(port.ref), feeds.get(port.ref, port.label or "–"), word, power_class, watts(port.power_mw)]


def _accounts(state: LabState) -> Iterable[list[str]]:
    strangers = {key.fingerprint for key in unknown_keys(state)}
    words = {True: "yes", False: "no", None: "unknown"}
    for name, reading in state.accounts:
        value = reading.value
        if value is None:
            yield [name, "–", "–", "–", "–", reading.problem or "not read"]
            continue
        found = dict.fromkeys(cell.fingerprint for cell in value.cells)
        unknown = sum(fingerprint in strangers for fingerprint in found)
        login, sudo = words[value.password_login], words[value.sudo]
        yield [name, str(len(found)), str(unknown), login, sudo, "; ".join(value.problems) or "none"]


def _cronjob(cronjob: CronJob, now: datetime) -> list[str]:
    last = f"{since(cronjob.last_succeeded_at, now)} ago" if cronjob.last_succeeded_at else "unknown"
    zone = f" {cronjob.time_zone}" if cronjob.time_zone else ""
    return [
        cronjob.key,
        cronjob.verdict.value,
        f"{cronjob.schedule or '–'}{zone}",
        last,
        until(cronjob.next_run_at, now),
    ]


def _job(job: Job, now: datetime) -> list[str]:
    why = reason(job) + (", superseded by a success" if job.superseded else "")
    alert = job.alert.value if job.alert is not None else "–"
    return [str(job.id), job.node or "–", why, f"{since(job.failed_at, now)} ago" if job.failed_at else "–", alert]
