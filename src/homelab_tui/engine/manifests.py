"""Jobs to create: a CronJob's run as `kubectl create job --from` makes it, and the clean copy of a Job. Pure."""

import re
import secrets
from collections.abc import Mapping

Manifest = Mapping[str, object]

MAX_NAME = 63
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""As Kubernetes' own suffixes: no vowels, so no words."""
_SUFFIX = re.compile(r"-rerun-[a-z0-9]{5}$")
_GENERATED_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_OLD_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "batch.kubernetes.io/job-tracking",
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
)
_OWN_SPEC = ("selector", "manualSelector", "suspend")
"""What belongs to one Job object and not to its copy: the server makes a selector of the new uid."""


def run_name(cronjob: str) -> str:
    """A free name for a run that is started by hand."""
    return _named(cronjob, "manual")


def copy_name(job: str) -> str:
    """A free name for the copy of a Job; a copy of a copy does not grow."""
    return _named(_SUFFIX.sub("", job), "rerun")


def _named(base: str, word: str) -> str:
    suffix = f"-{word}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
    return base[: MAX_NAME - len(suffix)].rstrip("-.") + suffix


def run_of(cronjob: Manifest, name: str) -> dict[str, object]:
    """The Job that `kubectl create job NAME --from=cronjob/…` creates.

    Its controller owner reference lets the history limits clean it up; without blockOwnerDeletion, which would take
    rights on cronjobs/finalizers.
    """
    metadata, template = _part(cronjob, "metadata"), _part(_part(cronjob, "spec"), "jobTemplate")
    given = _part(template, "metadata")
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": metadata.get("name"),
        "uid": metadata.get("uid"),
        "controller": True,
    }
    made: dict[str, object] = {
        "name": name,
        "namespace": metadata.get("namespace"),
        "annotations": {**_part(given, "annotations"), "cronjob.kubernetes.io/instantiate": "manual"},
        "ownerReferences": [owner],
    }
    if given.get("labels"):
        made["labels"] = dict(_part(given, "labels"))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": dict(_part(template, "spec"))}


def copy_of(job: Manifest, name: str) -> dict[str, object]:
    """The same Job once more: without identity, status, owners, and what the server generated for the old one."""
    metadata, spec = _part(job, "metadata"), _part(job, "spec")
    template = _part(spec, "template")
    inner = dict(_part(template, "metadata"))
    inner.pop("creationTimestamp", None)
    inner["labels"] = _without(_part(inner, "labels"), _GENERATED_LABELS)
    made: dict[str, object] = {
        "name": name,
        "namespace": metadata.get("namespace"),
        "labels": _without(_part(metadata, "labels"), _GENERATED_LABELS),
        "annotations": _without(_part(metadata, "annotations"), _OLD_ANNOTATIONS),
    }
    copied = {**_without(spec, _OWN_SPEC), "template": {**template, "metadata": inner}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": made, "spec": copied}


def uid_of(manifest: Manifest) -> object:
    """metadata.uid."""
    return _part(manifest, "metadata").get("uid")


def _part(manifest: Manifest, key: str) -> Manifest:
    found = manifest.get(key)
    return found if isinstance(found, Mapping) else {}


def _without(given: Manifest, names: tuple[str, ...]) -> dict[str, object]:
    return {key: value for key, value in given.items() if key not in names}
