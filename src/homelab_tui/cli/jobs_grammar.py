"""The grammar of `homelab jobs`."""

import argparse
from typing import TYPE_CHECKING

from homelab_tui.cli.grammar import add, add_confirming, lazily

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_jobs(commands: "Subparsers") -> None:
    """`homelab jobs` and its actions."""
    jobs = add(commands, "jobs", "CronJobs and Jobs, the failed ones first", lazily("jobs", "listing"))
    _add_job_filters(jobs, default=None)
    jobs.add_argument("--failed", action="store_true", help="failed and failing Jobs only")
    verbs = jobs.add_subparsers(title="actions", metavar="ACTION")
    delete = add(verbs, "delete", "delete Jobs with their Pods", lazily("jobs", "delete"))
    delete.add_argument("jobs", metavar="JOB", nargs="*", help="NS/NAME, or CLUSTER/NS/NAME")
    delete.add_argument("--failed", action="store_true", help="every failed Job")
    delete.add_argument("--recovered", action="store_true", help="failed Jobs whose CronJob succeeded since")
    delete.add_argument("--older-than", metavar="24h", help="narrows --failed and --recovered")
    delete.add_argument(
        "--propagation",
        choices=("background", "foreground", "orphan"),
        default="background",
        help="what becomes of the Pods",
    )
    delete.add_argument("--force", action="store_true", help="also Jobs that have not finished")
    _add_job_filters(delete, default=argparse.SUPPRESS)
    add_confirming(delete)
    _add_logs(verbs)
    for verb, text in (("events", "events of a Job"), ("yaml", "a Job as YAML")):
        show = add(verbs, verb, text, lazily("job_looks", verb))
        show.add_argument("job", metavar="JOB", help="NS/NAME, or CLUSTER/NS/NAME")
    _add_job_actions(verbs)
    _add_cronjob_actions(verbs)


def _add_logs(verbs: "Subparsers") -> None:
    logs = add(verbs, "logs", "the log of the Pod that failed", lazily("job_logs", "logs"))
    logs.add_argument("job", metavar="JOB", help="NS/NAME, or CLUSTER/NS/NAME")
    logs.add_argument("--follow", action="store_true", help="go on until the Job has ended, attempt after attempt")
    logs.add_argument("--container", metavar="C", help="this container, init containers too")
    logs.add_argument("--previous", action="store_true", help="before the container's restart")
    logs.add_argument("--tail", metavar="N", type=_count, help="how many lines from its end, 200 if not given")
    logs.add_argument("--output", metavar="FILE", help="into a new private file")


def _add_job_actions(verbs: "Subparsers") -> None:
    expire = _on_jobs(verbs, "expire", "let finished Jobs go by themselves, with their logs, after a while")
    expire.add_argument("--in", dest="after", metavar="24h", required=True, help="how long from now")
    _on_jobs(verbs, "rerun", "run Jobs once more")
    silence = _on_jobs(verbs, "silence", "silence the alert of Jobs in Alertmanager")
    silence.add_argument("--for", dest="duration", metavar="2h", help="how long")
    silence.add_argument("--comment", metavar="TEXT", default="seen in homelab", help="why, for the others")
    silence.add_argument("--end", action="store_true", help="end the silences that were made with this command")


def _on_jobs(verbs: "Subparsers", verb: str, text: str) -> argparse.ArgumentParser:
    action = add(verbs, verb, text, lazily("job_actions", verb))
    action.add_argument("jobs", metavar="JOB", nargs="+", help="NS/NAME, or CLUSTER/NS/NAME")
    add_confirming(action)
    return action


def _add_cronjob_actions(verbs: "Subparsers") -> None:
    for verb, text in (
        ("trigger", "run CronJobs now"),
        ("suspend", "let CronJobs start nothing"),
        ("resume", "let suspended CronJobs start Jobs again"),
    ):
        _on_cronjobs(verbs, verb, text)
    limits = _on_cronjobs(verbs, "limits", "how many finished Jobs CronJobs keep, and how long")
    limits.add_argument("--failed-history", metavar="N", type=_count, help="failedJobsHistoryLimit")
    limits.add_argument("--successful-history", metavar="N", type=_count, help="successfulJobsHistoryLimit")
    limits.add_argument("--ttl", metavar="24h", help="ttlSecondsAfterFinished of its Jobs; none takes it away")


def _on_cronjobs(verbs: "Subparsers", verb: str, text: str) -> argparse.ArgumentParser:
    action = add(verbs, verb, text, lazily("cronjobs", verb))
    action.add_argument("cronjobs", metavar="CRONJOB", nargs="+", help="NS/NAME, or CLUSTER/NS/NAME")
    add_confirming(action)
    return action


def _count(text: str) -> int:
    """A history limit: 0 or more, and what an API server can hold."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError("is a number, 0 or more")
    return int(text)


def _add_job_filters(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    parser.add_argument("--namespace", metavar="NS", default=default, help="only this namespace")
    parser.add_argument("--cluster", metavar="C", default=default, help="only this cluster")
