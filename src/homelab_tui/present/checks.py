"""Checks as a document and as rows."""

from collections.abc import Sequence
from datetime import datetime

from homelab_tui.domain.checks import Check, CheckReport
from homelab_tui.present.documents import Document
from homelab_tui.present.times import rfc3339

HEADERS = ("subject", "check", "status", "detail", "what to do")


def checks_document(report: CheckReport, now: datetime) -> Document:
    """`homelab check --json`."""
    return {"taken_at": rfc3339(now), "checks": [_document(check) for check in report.checks]}


def _document(check: Check) -> Document:
    return {
        "subject": check.subject,
        "check": check.check,
        "status": check.status.value,
        "detail": check.detail,
        "fix": check.fix,
    }


def rows(checks: Sequence[Check]) -> list[list[str]]:
    """A row per check, under `HEADERS`."""
    return [[check.subject, check.check, check.status.value, check.detail, check.fix or ""] for check in checks]


def summary(report: CheckReport) -> str:
    """The last line: how many of each."""
    words = [check.status.value for check in report.checks]
    counted = ", ".join(f"{words.count(word)} {word}" for word in ("ok", "warn", "fail") if word in words)
    silent = f"; no answer at all from: {', '.join(report.silent)}" if report.silent else ""
    return f"{counted}{silent}"
