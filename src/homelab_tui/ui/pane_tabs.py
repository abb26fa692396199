"""The tabs of a narrow screen: the panes' titles, the shown one marked by more than colour."""

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


class PaneTabs(Widget):
    """One line of titles."""

    DEFAULT_CSS = """
    PaneTabs { height: 1; background: $background; padding: 0 1; }
    """
    ALLOW_SELECT = False

    class TabClicked(Message):
        """A title was clicked."""

        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles: dict[str, str] = {}
        self._current = ""

    def show(self, titles: dict[str, str], current: str) -> None:
        """Show these titles."""
        if (titles, current) != (self._titles, self._current):
            self._titles, self._current = titles, current
            self.refresh()

    def render(self) -> Text:
        """The line."""
        text = Text(no_wrap=True, overflow="ellipsis")
        for pane, title in self._titles.items():
            meta = Style(meta={"pane": pane})
            chosen = pane == self._current
            text.append(f"[{title}]" if chosen else f" {title} ", Style(bold=chosen, dim=not chosen) + meta)
            text.append("  ")
        return text

    def on_click(self, event: events.Click) -> None:
        """Go to the pane that was clicked."""
        pane = event.style.meta.get("pane")
        if isinstance(pane, str):
            self.post_message(self.TabClicked(pane))
