"""Asking every source, credential, permission and metric that the configuration promises.

Everything is asked at once, and one dead thing never stops the rest: each source has its own time-outs, and whatever it
raises becomes a check that failed.
"""

import asyncio
import dataclasses
import logging
import os
import shutil
from collections.abc import Awaitable, Iterator

from homelab_tui.config.model import AlertmanagerConfig, Config, PrometheusConfig, SecretRef, SwitchConfig
from homelab_tui.domain.checks import Check, CheckReport, failed, passed, warned
from homelab_tui.domain.errors import (
    HomelabError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.ports import ActsOnJobs, HoldsAlerts, ReadsMetrics, SwitchesPoe
from homelab_tui.engine.ssh_checks import check_keys, check_known_hosts, check_node
from homelab_tui.engine.wires import Sources

log = logging.getLogger(__name__)
STALE_SCRAPE_S = 300.0
"""A scrape this old is none: intervals are 15 to 60 s."""

_WRITES = ("delete", "patch", "create")
_PERMISSIONS = (
    ("list", "jobs.batch", "Jobs cannot be seen"),
    ("list", "cronjobs.batch", "CronJobs cannot be seen"),
    ("watch", "jobs.batch", "a change is seen at the next list only"),
    ("list", "pods", "exit codes, and the nodes that Jobs ran on, stay unknown"),
    ("get", "pods/log", "`l` shows no log"),
    ("list", "events", "`e` shows no events"),
    ("delete", "jobs.batch", "`d` is dimmed: Jobs can be seen and not deleted"),
    ("list", "nodes", "whether nodes are Ready stays unknown"),
    ("patch", "nodes", "nodes can be seen and not cordoned"),
    ("create", "pods/eviction", "nodes cannot be drained"),
    ("list", "poddisruptionbudgets.policy", "what holds a drain is told by the eviction only, not by the plan"),
)
_EVERYWHERE = ("nodes", "pods/eviction", "poddisruptionbudgets.policy")
"""Asked for all namespaces, whichever are configured: a node holds Pods of each."""
_INDISPENSABLE = 2
"""How many of the permissions above, from the first on, a cluster is useless without."""

_FIXES: tuple[tuple[type[HomelabError], str], ...] = (
    (SourceTimeout, "is it on and reachable from here? is its address right in the configuration?"),
    (SourceUnreachable, "does it run there? check address and port in the configuration"),
    (SourceRefused, "check its credential in the configuration"),
    (SourceGarbled, "something else seems to answer there: check the address in the configuration"),
    (SourceMissing, "check its address and path in the configuration"),
)


class _Promise(Frozen):
    kind: str
    subject: str
    first: str
    """The check that fails when the source gives no usable answer."""
    ask: Awaitable[list[Check]]


async def run_checks(config: Config, sources: Sources, *, nodes: bool) -> CheckReport:
    """Every check, side by side; with `nodes`, every node over SSH too."""
    promises = [_Promise("keys", "keys", "mine", check_keys(sources.ssh, config.keys))]
    promises += [_Promise("clusters", f"cluster {c.name}", "api", _cluster(config, c)) for c in sources.clusters]
    promises += [_Promise("prometheus", f"prometheus {p.name}", "api", _prometheus(p)) for p in sources.prometheus]
    promises += [
        _Promise("alertmanagers", f"alertmanager {a.name}", "api", _alertmanager(a)) for a in sources.alertmanagers
    ]
    promises += [_Promise("switches", f"switch {s.name}", "read", _switch(config, s)) for s in sources.switches]
    if nodes:
        promises += [
            _Promise("nodes", f"node {node.name}", "reach", check_node(sources.ssh, node)) for node in config.nodes
        ]
    outcomes = await asyncio.gather(*(_kept(promise) for promise in promises))
    checks = [*_file(config), *_secrets(config), *check_known_hosts(config.ssh)]
    checks += [check for _, found in outcomes for check in found]
    answered = {promise.kind for promise, (answer, _) in zip(promises, outcomes, strict=True) if answer}
    silent = dict.fromkeys(promise.kind for promise in promises if promise.kind not in answered)
    return CheckReport(tuple(checks), tuple(kind for kind in silent if kind != "keys"))


async def _kept(promise: _Promise) -> tuple[bool, list[Check]]:
    """Whether the source gave a usable answer, and its checks."""
    try:
        return True, await promise.ask
    except HomelabError as error:
        return False, [failed(promise.subject, promise.first, str(error), _fix(error))]
    except Exception as error:
        log.exception("checking %s", promise.subject)
        return False, [failed(promise.subject, promise.first, f"internal error: {type(error).__name__}")]


def _fix(error: HomelabError) -> str | None:
    if isinstance(error, SourceForbidden) and error.verb and error.resource:
        return f"allow this user to {error.verb} {error.resource}"
    return next((text for kind, text in _FIXES if isinstance(error, kind)), None)


# What this machine knows by itself


def _file(config: Config) -> Iterator[Check]:
    for warning in config.warnings:
        yield warned("config", "file", warning)
    if not config.warnings:
        yield passed("config", "file", str(config.path or "defaults"))


def _secrets(config: Config) -> Iterator[Check]:
    """Whether each secret can be had, without having it: a command is not run."""
    tables: list[tuple[str, SwitchConfig | PrometheusConfig | AlertmanagerConfig]] = [
        *((f"switch {switch.name}", switch) for switch in config.switches),
        *((f"prometheus {server.name}", server) for server in config.prometheus),
        *((f"alertmanager {server.name}", server) for server in config.alertmanagers),
    ]
    for subject, table in tables:
        for field in dataclasses.fields(table):
            ref = getattr(table, field.name)
            if isinstance(ref, SecretRef):
                yield _secret(subject, field.name, ref)


def _secret(subject: str, key: str, ref: SecretRef) -> Check:
    if ref.file is not None:
        if not os.path.isfile(ref.file) or not os.access(ref.file, os.R_OK):
            return failed(subject, key, f"{ref.file} is not a file that can be read", f"correct {key}_file")
        if ref.file.stat().st_mode & 0o044:
            return warned(subject, key, f"others can read {ref.file}", f"chmod 600 {ref.file}")
        return passed(subject, key, f"from {ref.file}")
    if ref.env is not None:
        if not os.environ.get(ref.env):
            return failed(subject, key, f"the environment variable {ref.env} is not set", f"export {ref.env}")
        return passed(subject, key, f"from the environment variable {ref.env}")
    if ref.command:
        if shutil.which(ref.command[0]) is None:
            return failed(subject, key, f"{ref.command[0]} cannot be run", f"install it, or correct {key}_command")
        return passed(subject, key, f"from {ref.command[0]}, which is run when it is needed")
    return passed(subject, key, "in the configuration file")


# Servers


async def _cluster(config: Config, cluster: ActsOnJobs) -> list[Check]:
    subject = f"cluster {cluster.name}"
    refusal: SourceForbidden | None = None
    try:
        checks = [passed(subject, "api", await cluster.read_version())]
    except SourceForbidden as error:  # some hide their version; what counts is what else is allowed
        refusal, checks = error, [warned(subject, "api", str(error))]
    given = next((c.namespaces for c in config.clusters if c.name == cluster.name), ())
    wanted = [
        (number, verb, resource, cost)
        for number, (verb, resource, cost) in enumerate(_PERMISSIONS)
        if not (verb in _WRITES and config.safety.read_only)
    ]
    answers = await asyncio.gather(
        *(
            _allowed(cluster, verb, resource, () if resource in _EVERYWHERE else given)
            for _, verb, resource, _ in wanted
        )
    )
    if refusal is not None and all(unanswered for _, unanswered in answers):
        raise refusal
    for (number, verb, resource, cost), (refused, unanswered) in zip(wanted, answers, strict=True):
        name = f"{verb} {resource}"
        if refused:
            judge = failed if number < _INDISPENSABLE else warned
            where = "" if refused == [""] else f" in {', '.join(refused)}"
            checks.append(judge(subject, name, f"not allowed{where}: {cost}", f"allow this user to {name}{where}"))
        elif unanswered:
            checks.append(warned(subject, name, "the server did not say whether this is allowed"))
        else:
            checks.append(passed(subject, name, "allowed"))
    return checks


async def _allowed(
    cluster: ActsOnJobs, verb: str, resource: str, namespaces: tuple[str, ...]
) -> tuple[list[str], bool]:
    """Namespaces (`""`: all of them) where it is not allowed, and whether any question was not answered."""
    asked = namespaces or ("",)
    answers = await asyncio.gather(*(cluster.is_allowed(verb, resource, namespace) for namespace in asked))
    refused = [namespace for namespace, allowed in zip(asked, answers, strict=True) if allowed is False]
    return refused, None in answers


async def _prometheus(server: ReadsMetrics) -> list[Check]:
    subject = f"prometheus {server.name}"
    version, snapshot = await asyncio.gather(server.check(), server.read_jobs())
    checks = [passed(subject, "api", version)]
    checks += [warned(subject, "answer", warning) for warning in snapshot.warnings]
    if not snapshot.heartbeat:
        detail = f"no kube_* series for cluster {server.cluster}: nothing is known of its Jobs here"
        fix = "is kube-state-metrics scraped? does `cluster` name the right one?"
        return [*checks, failed(subject, "kube-state-metrics", detail, fix)]
    age_s = snapshot.heartbeat_age_s
    if age_s is not None and age_s > STALE_SCRAPE_S:
        fix = "look at this server's targets"
        checks.append(warned(subject, "kube-state-metrics", f"its newest sample is {age_s:.0f} s old", fix))
    else:
        checks.append(passed(subject, "kube-state-metrics", f"scraped for cluster {server.cluster}"))
    for name, number in (("kube_job_*", len(snapshot.jobs)), ("kube_cronjob_*", len(snapshot.cronjobs))):
        if number:
            checks.append(passed(subject, name, f"of {number} objects"))
        else:
            fix = "if there are such objects: kube-state-metrics' --resources and the scrape's relabelling"
            checks.append(warned(subject, name, "no such series", fix))
    if snapshot.alerts is None:
        checks.append(warned(subject, "alerts", "does not answer /api/v1/alerts: which Jobs alert stays unknown"))
    else:
        checks.append(passed(subject, "alerts", f"{len(snapshot.alerts)} pending or firing"))
    return checks


async def _alertmanager(server: HoldsAlerts) -> list[Check]:
    return [passed(f"alertmanager {server.name}", "api", await server.check())]


async def _switch(config: Config, switch: SwitchesPoe) -> list[Check]:
    subject = f"switch {switch.name}"
    reading = await switch.read()
    if not reading.ports:
        fix = "does it feed over Ethernet, and does it have POWER-ETHERNET-MIB?"
        return [failed(subject, "read", "it answers, and shows no PoE ports", fix)]
    checks = [passed(subject, "read", f"{reading.model or reading.source}, {len(reading.ports)} PoE ports")]
    checks += [warned(subject, "finding", finding) for finding in reading.findings]
    ports = f"its ports: {', '.join(str(port.ref) for port in reading.ports)}"
    for node in config.nodes:
        if node.poe is not None and node.poe.switch == switch.name and reading.port(node.poe) is None:
            detail = f"the switch has no such port; {node.name} is said to be fed by it"
            checks.append(failed(subject, f"port {node.poe}", detail, ports))
    for table in config.switches:
        if table.name != switch.name:
            continue
        for ref in table.protected_ports:
            if reading.port(ref) is None:
                checks.append(warned(subject, f"port {ref}", "protected, and the switch has no such port", ports))
        if config.safety.read_only:
            continue
        if table.source == "prometheus" or (table.source == "command" and not table.on):
            detail = "its ports can be seen and not switched"
            fix = "give `on` and `off`, or another source"
            checks.append(warned(subject, f"source = {table.source}", detail, fix))
        elif table.source == "snmp" and table.version != "3" and table.write_community is None:
            detail = "not configured: ports can be seen and not switched"
            fix = "give write_community_file, _env or _command"
            checks.append(warned(subject, "write_community", detail, fix))
    return checks
