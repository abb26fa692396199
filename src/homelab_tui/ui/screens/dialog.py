"""What all dialogs share: a box in the middle, escape means no, and buttons that stay in sight."""

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A modal box. Leaving it by escape gives the safe answer."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .box {
        width: 90%; max-width: 100; height: auto; max-height: 90%;
        border: round $accent; background: $surface; padding: 1 2;
    }
    Dialog .text { height: auto; max-height: 1fr; }
    Dialog .foot { dock: bottom; height: auto; }
    Dialog .buttons { height: auto; margin-top: 1; align-horizontal: right; }
    Dialog Button { margin-left: 2; }
    Dialog Input { margin-top: 1; }
    Dialog Input.-textual-compact { margin-top: 0; background: $boost; }
    Dialog Input.-textual-compact:focus { background: $primary 40%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("up", "scroll_text(-1)", show=False),
        Binding("down", "scroll_text(1)", show=False),
        Binding("pageup", "scroll_text(-10)", show=False),
        Binding("pagedown", "scroll_text(10)", show=False),
    ]

    def action_leave(self) -> None:
        """The safe answer."""
        self.dismiss(None)

    def action_scroll_text(self, lines: int) -> None:
        """A text that is longer than the screen, wherever the focus is. What is docked below it (`.foot`) stays."""
        for text in self.query(".text").results(VerticalScroll):
            text.scroll_relative(y=lines, animate=False)
