"""Toasts: always plain text, made printable."""

from collections.abc import Sequence
from typing import Literal

from textual.widget import Widget

from homelab_tui.domain.operations import Result
from homelab_tui.present.table import printable

Severity = Literal["information", "warning", "error"]


def tell(widget: Widget, text: str, *, severity: Severity = "information") -> None:
    """A toast. What it says may come from outside: no markup, nothing a terminal would obey."""
    widget.app.notify(printable(text, 600), severity=severity, markup=False)


def tell_results(widget: Widget, text: str, results: Sequence[Result]) -> None:
    """A toast about what an action did."""
    tell(widget, text, severity="information" if all(result.ok for result in results) else "error")
