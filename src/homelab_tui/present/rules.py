"""Alert rules for Prometheus that page for what is really wrong, and promtool's unit tests for them.

The stock `KubeJobFailed` fires for every failed Job object until that is deleted, also long after the CronJob has
recovered. These ask for the latest run of each CronJob instead. Every expression first takes `max by (…)`: while
kube-state-metrics is rolled out, two Pods tell the same series.
"""

from homelab_tui.domain.values import Frozen

Mapping = dict[str, object]

_OWNER = 'max by (NS, job_name, owner_name) (kube_job_owner{owner_kind="CronJob"})'
_FAILED = '(max by (NS, job_name) (kube_job_failed{condition="true"}) == 1)'
_STARTED = "max by (NS, job_name) (kube_job_status_start_time)"
_SUSPENDED = "(max by (NS, cronjob) (kube_cronjob_spec_suspend) == 1)"
_ACTIVE = "(max by (NS, cronjob) (kube_cronjob_status_active) > 0)"
_SCHEDULED = "max by (NS, cronjob) (kube_cronjob_status_last_schedule_time)"
_SUCCEEDED = "max by (NS, cronjob) (kube_cronjob_status_last_successful_time)"
_MISSED_S = 300


class Rule(Frozen):
    """One alert."""

    alert: str
    expression: str
    """PromQL; `NS` stands for the label of the object's own namespace."""
    lasts: str
    """`for`."""
    severity: str
    summary: str
    description: str


RULES = (
    Rule(
        "HomelabCronJobFailing",
        f"{_OWNER}\nand on (NS, job_name) topk by (NS, owner_name) (1,\n"
        f"  {_STARTED}\n  * on (NS, job_name) group_left (owner_name) {_OWNER})\n"
        f"and on (NS, job_name) {_FAILED}",
        "1m",
        "warning",
        "CronJob {{ $labels.NS }}/{{ $labels.owner_name }}: its latest run failed",
        "Job {{ $labels.job_name }} failed. It clears by itself when a later run succeeds. "
        "Look: homelab jobs logs {{ $labels.NS }}/{{ $labels.job_name }}",
    ),
    Rule(
        "HomelabJobFailed",
        f'{_FAILED}\nunless on (NS, job_name) kube_job_owner{{owner_kind="CronJob"}}',
        "1m",
        "warning",
        "Job {{ $labels.NS }}/{{ $labels.job_name }} failed",
        "No CronJob owns it: it stays, and alerts, until it is deleted. "
        "Look: homelab jobs logs {{ $labels.NS }}/{{ $labels.job_name }}",
    ),
    Rule(
        "HomelabCronJobNotSucceeding",
        f"({_SCHEDULED}\n  unless ({_SUCCEEDED} >= {_SCHEDULED}))\nunless {_ACTIVE}\nunless {_SUSPENDED}",
        "15m",
        "warning",
        "CronJob {{ $labels.NS }}/{{ $labels.cronjob }}: its last run has not succeeded",
        "Also where no failed Job is left to see (failedJobsHistoryLimit 0, a TTL), and where none ever succeeded.",
    ),
    Rule(
        "HomelabCronJobMissed",
        f"(time() - max by (NS, cronjob) (kube_cronjob_next_schedule_time) > {_MISSED_S})\n"
        f"unless {_ACTIVE}\nunless {_SUSPENDED}",
        "1m",
        "warning",
        "CronJob {{ $labels.NS }}/{{ $labels.cronjob }} missed its schedule",
        "Nothing ran at its time: look at its events (quota, startingDeadlineSeconds, an unknown time zone). "
        "Run it now: homelab jobs trigger {{ $labels.NS }}/{{ $labels.cronjob }}",
    ),
    Rule(
        "HomelabJobsUnknown",
        'absent({__name__=~"kube_(node|job|cronjob)_info"})',
        "10m",
        "warning",
        "kube-state-metrics tells nothing: failed Jobs would go unseen",
        "No alert is no good news now. Ask: homelab check",
    ),
)


def rules_document(namespace_label: str = "namespace") -> Mapping:
    """A rule file. `namespace_label`: `exported_namespace` where kube-state-metrics is scraped without honor_labels."""
    return {"groups": [{"name": "homelab-jobs", "rules": [_rule(rule, namespace_label) for rule in RULES]}]}


def _rule(rule: Rule, label: str) -> Mapping:
    return {
        "alert": rule.alert,
        "expr": rule.expression.replace("NS", label),
        "for": rule.lasts,
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": rule.summary.replace("NS", label),
            "description": rule.description.replace("NS", label),
        },
    }


_LENGTH = 40
"""Samples of every series in the tests, one a minute."""


def promtool_document(rule_file: str, namespace_label: str = "namespace") -> Mapping:
    """promtool's unit tests for `rules_document`, which they find in `rule_file`."""
    return {
        "rule_files": [rule_file],
        "evaluation_interval": "1m",
        "tests": [_test(story, namespace_label) for story in STORIES],
    }


class Story(Frozen):
    """What kube-state-metrics told, and which alerts must have come of it after 30 minutes."""

    name: str
    series: tuple[tuple[str, str], ...]
    """Series (`NS` as above) and promtool's notation of its values."""
    expected: tuple[tuple[str, str], ...] = ()
    """Alert and the labels by which it is known, `owner_name="backup", job_name="backup-2"`."""


def _flat(value: int) -> str:
    return f"{value}x{_LENGTH}"


def _run(name: str, started: int, *, failed: bool, owner: str | None = "backup") -> tuple[tuple[str, str], ...]:
    """A Job that has ended, as kube-state-metrics tells it, by two Pods of it at once."""
    found: list[tuple[str, str]] = []
    for instance in ("a", "b"):
        job = f'NS="ops", job_name="{name}", instance="{instance}"'
        found += [
            (f"kube_job_info{{{job}}}", _flat(1)),
            (f"kube_job_status_start_time{{{job}}}", _flat(started)),
        ]
        if owner is not None:
            found.append((f'kube_job_owner{{{job}, owner_kind="CronJob", owner_name="{owner}"}}', _flat(1)))
        if failed:
            found.append((f'kube_job_failed{{{job}, condition="true"}}', _flat(1)))
            found.append((f'kube_job_failed{{{job}, condition="false"}}', _flat(0)))
    return tuple(found)


def _cronjob(
    scheduled: int, succeeded: int | None, next_run: int = 10**9, *, active: int = 0, suspended: int = 0
) -> tuple[tuple[str, str], ...]:
    """A CronJob `backup`; times are seconds since promtool's zero."""
    label = '{NS="ops", cronjob="backup"}'
    told = [
        (f"kube_cronjob_info{label}", _flat(1)),
        (f"kube_cronjob_status_last_schedule_time{label}", _flat(scheduled)),
        (f"kube_cronjob_status_active{label}", _flat(active)),
        (f"kube_cronjob_spec_suspend{label}", _flat(suspended)),
        (f"kube_cronjob_next_schedule_time{label}", _flat(next_run)),
    ]
    if succeeded is not None:
        told.append((f"kube_cronjob_status_last_successful_time{label}", _flat(succeeded)))
    return tuple(told)


_BACKUP = 'NS="ops", cronjob="backup"'
STORIES = (
    Story(
        "a CronJob whose latest run failed, while kube-state-metrics is rolled out",
        _run("backup-1", 60, failed=False) + _run("backup-2", 120, failed=True) + _cronjob(120, 60),
        (
            ("HomelabCronJobFailing", 'NS="ops", job_name="backup-2", owner_name="backup"'),
            ("HomelabCronJobNotSucceeding", _BACKUP),
        ),
    ),
    Story(
        "a CronJob that has recovered: the failed Job that is left pages nobody",
        _run("backup-1", 60, failed=True) + _run("backup-2", 120, failed=False) + _cronjob(120, 130),
    ),
    Story(
        "a CronJob that never succeeded",
        _run("backup-1", 60, failed=True) + _cronjob(60, None),
        (
            ("HomelabCronJobFailing", 'NS="ops", job_name="backup-1", owner_name="backup"'),
            ("HomelabCronJobNotSucceeding", _BACKUP),
        ),
    ),
    Story(
        "a CronJob that keeps no failed Jobs",
        _cronjob(120, 60),
        (("HomelabCronJobNotSucceeding", _BACKUP),),
    ),
    Story("a run that is still going", _cronjob(120, 60, active=1)),
    Story("a suspended CronJob", _cronjob(120, 60, next_run=300, suspended=1)),
    Story("a CronJob that missed its schedule", _cronjob(60, 70, next_run=300), (("HomelabCronJobMissed", _BACKUP),)),
    Story(
        "a Job that no CronJob owns",
        _run("migrate", 60, failed=True, owner=None),
        (("HomelabJobFailed", 'NS="ops", job_name="migrate"'),),
    ),
    Story(
        "a healthy CronJob has a failing namesake in another namespace",
        _run("backup-1", 60, failed=True)
        + _cronjob(60, 30)
        + tuple(
            (name.replace('"ops"', '"home"'), values)
            for name, values in (*_run("backup-2", 120, failed=False), *_cronjob(120, 130))
        ),
        (
            ("HomelabCronJobFailing", 'NS="ops", job_name="backup-1", owner_name="backup"'),
            ("HomelabCronJobNotSucceeding", _BACKUP),
        ),
    ),
    Story(
        "a Job whose Failed condition says no",
        (
            *_run("migrate", 60, failed=False, owner=None),
            ('kube_job_failed{NS="ops", job_name="migrate", condition="true"}', _flat(0)),
            ('kube_job_failed{NS="ops", job_name="migrate", condition="false"}', _flat(1)),
        ),
    ),
    Story("a Job that succeeded", _run("migrate", 60, failed=False, owner=None)),
    Story("kube-state-metrics is away", (('up{job="prometheus"}', _flat(1)),), (("HomelabJobsUnknown", ""),)),
)


def _test(story: Story, label: str) -> Mapping:
    expected: dict[str, list[str]] = {rule.alert: [] for rule in RULES}
    for alert, labels in story.expected:
        expected[alert].append(labels)
    return {
        "name": story.name,
        "interval": "1m",
        "input_series": [{"series": name.replace("NS", label), "values": values} for name, values in story.series],
        "alert_rule_test": [
            {
                "eval_time": "30m",
                "alertname": rule.alert,
                "exp_alerts": [_expected(rule, labels, label) for labels in expected[rule.alert]],
            }
            for rule in RULES
        ],
    }


def _expected(rule: Rule, labels: str, label: str) -> Mapping:
    """An alert with its labels and what its annotations must then say."""
    known = dict(pair.split("=", 1) for pair in labels.replace('"', "").replace("NS", label).split(", ") if pair)
    text = _rule(rule, label)["annotations"]
    annotations = dict(text) if isinstance(text, dict) else {}
    for name, value in known.items():
        for key, sentence in annotations.items():
            annotations[key] = str(sentence).replace("{{ $labels." + name + " }}", value)
    return {"exp_labels": {"severity": rule.severity, **known}, "exp_annotations": annotations}
