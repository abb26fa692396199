"""What the demo's Kubernetes API checks of an object before it is stored, and its words where something is wrong."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSimError

from homelab_tui.demo.cronjobs import ticks
from homelab_tui.demo.kubernetes_status import ApiError, invalid
from homelab_tui.demo.kubernetes_types import Mismatch, Struct, check, type_of_kind
from homelab_tui.demo.objects import Kind, Object

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LONGEST = {"jobs": 63, "cronjobs": 52}
_NOT_NEGATIVE = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_POLICIES = ("Allow", "Forbid", "Replace")


def check_types(kind: Kind, body: Object) -> None:
    """What a client sent as an object of that kind. Raises: ApiError 400."""
    try:
        check(body, type_of_kind(kind.kind))
    except Mismatch as error:
        said = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {error}'
        raise ApiError(400, said) from error


def check_options(body: Object, wanted: Struct) -> None:
    """What a client sent beside an object. Raises: ApiError 400."""
    try:
        check(body, wanted)
    except Mismatch as error:
        raise ApiError(400, str(error)) from error


def check_patched(kind: Kind, body: Object, raw: str) -> None:
    """What a patch made of an object; `raw`: it, as JSON. Raises: ApiError 422."""
    try:
        check(body, type_of_kind(kind.kind))
    except Mismatch as error:
        why = f"Invalid value: {raw!r}: {error}"
        cause = {"reason": "FieldValueInvalid", "message": why, "field": "patch"}
        raise ApiError(422, f' "" is invalid: patch: {why}', details={"causes": [cause]}) from error


def validate(kind: Kind, body: Object) -> None:
    """An object that is about to be stored. Raises: ApiError 422."""
    name = body["metadata"].get("name") or ""
    if not name:
        why = "Required value: name or generateName is required"
        raise invalid(kind, "", "metadata.name", why, "FieldValueRequired")
    longest = _LONGEST.get(kind.resource, 253)
    if len(name) > longest:
        why = f'Invalid value: "{name}": must be no more than {longest} characters'
        raise invalid(kind, name, "metadata.name", why)
    if not _NAME.fullmatch(name):
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')
    for owner in body["metadata"].get("ownerReferences") or ():
        for field, what in (("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")):
            if not owner.get(field):
                why = f'Invalid value: "": {what} must not be empty'
                raise invalid(kind, name, f"metadata.ownerReferences.{field}", why)
    spec = body.get("spec") or {}
    if kind.resource == "cronjobs":
        _validate_cron_job(kind, name, spec)
        _validate_job(kind, name, (spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec")
    elif kind.resource == "jobs":
        _validate_job(kind, name, spec, "spec")


def _validate_job(kind: Kind, name: str, spec: Object, path: str) -> None:
    for field in _NOT_NEGATIVE:
        number = spec.get(field)
        if number is not None and number < 0:
            why = f"Invalid value: {number}: must be greater than or equal to 0"
            raise invalid(kind, name, f"{path}.{field}", why)
    pod = (spec.get("template") or {}).get("spec") or {}
    if not pod.get("containers"):
        raise invalid(kind, name, f"{path}.template.spec.containers", "Required value", "FieldValueRequired")
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        why = 'Required value: valid values: "OnFailure", "Never"'
        raise invalid(kind, name, f"{path}.template.spec.restartPolicy", why, "FieldValueRequired")


def _validate_cron_job(kind: Kind, name: str, spec: Object) -> None:
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    if not schedule:
        raise invalid(kind, name, "spec.schedule", "Required value", "FieldValueRequired")
    fields = schedule.split()
    if not schedule.startswith("@") and len(fields) != 5:
        why = f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
        raise invalid(kind, name, "spec.schedule", f'Invalid value: "{schedule}": {why}')
    try:
        next(ticks(schedule, None, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise invalid(kind, name, "spec.schedule", f'Invalid value: "{schedule}": {error}') from error
    if zone is not None and not _is_zone(zone):
        raise invalid(kind, name, "spec.timeZone", f'Invalid value: "{zone}": unknown time zone {zone}')
    policy = spec.get("concurrencyPolicy")
    if policy and policy not in _POLICIES:
        supported = ", ".join(f'"{one}"' for one in _POLICIES)
        why = f'Unsupported value: "{policy}": supported values: {supported}'
        raise invalid(kind, name, "spec.concurrencyPolicy", why, "FieldValueNotSupported")
    for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        number = spec.get(field)
        if number is not None and number < 0:
            why = f"Invalid value: {number}: must be greater than or equal to 0"
            raise invalid(kind, name, f"spec.{field}", why)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a directory of the zone database is an OSError
        return False
    return True
