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


def copy_lines(widget: Widget, lines: Sequence[str]) -> None:
    """Commands into the clipboard, one a line, and what was copied as a toast."""
    widget.app.copy_to_clipboard("\n".join(lines))
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    tell(widget, f"copied: {lines[0]}{more}")


def tell_results(widget: Widget, text: str, results: Sequence[Result]) -> None:
    """A toast about what an action did."""
    tell(widget, text, severity="information" if all(result.ok for result in results) else "error")
