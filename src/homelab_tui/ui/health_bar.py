"""The health bar: a pill per source, and what is wrong with the first that is not well."""

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from homelab_tui.present.healths import Pill
from homelab_tui.present.table import cell_width, fitted, printable

_STYLES = {"ok": "success", "warning": "warning", "error": "error", "dim": "foreground-muted"}


class HealthBar(Widget):
    """The pills, in as many lines as they need, and below them a reason where there is one."""

    DEFAULT_CSS = """
    HealthBar { height: auto; max-height: 4; background: $panel; padding: 0 1; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._pills: tuple[Pill, ...] = ()
        self._notice: str | None = None

    def show(self, pills: tuple[Pill, ...], notice: str | None) -> None:
        """Show these pills; `notice` stands before any source's own reason."""
        if (pills, notice) == (self._pills, self._notice):
            return
        before = self.get_content_height(self.size, self.size, self.size.width)
        self._pills, self._notice = pills, notice
        self.refresh(layout=before != self.get_content_height(self.size, self.size, self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines of pills, and one for the reason."""
        return len(self._lines(width)) + (self._reason() is not None)

    def render(self) -> Text:
        """Pills, then the reason."""
        variables = self.app.theme_variables
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, line in enumerate(self._lines(self.content_size.width)):
            text.append("\n" if number else "")
            for place, (words, style) in enumerate(line):
                colour = variables.get(_STYLES.get(style, ""), "")
                text.append(
                    ("  " if place else "") + words, _rich_colour(colour) or ("bold" if style == "bold" else "")
                )
        reason = self._reason()
        if reason is not None:
            text.append(f"\n{fitted(reason, max(1, self.content_size.width))}", "bold" if self._notice else "italic")
        return text

    def _reason(self) -> str | None:
        return self._notice or next((f"{p.name}: {p.problem}" for p in self._pills if p.problem), None)

    def _lines(self, width: int) -> list[list[tuple[str, str]]]:
        """Words and style names, broken between pills."""
        lines: list[list[tuple[str, str]]] = [[("homelab", "bold")]]
        used = len("homelab")
        words = [(printable(pill.text, 60), pill.style) for pill in self._pills] or [("starting…", "dim")]
        for word in words:
            needed = cell_width(word[0]) + 2
            if used + needed > max(width, 20):
                lines.append([])
                used = -2
            lines[-1].append(word)
            used += needed
        return lines


def _rich_colour(value: str) -> str:
    """A theme variable that Rich understands, or nothing (an `ansi_` theme)."""
    return value if value.startswith("#") and len(value) == 7 else ""
