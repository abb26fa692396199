"""Check boxes of the dialogs."""

from textual.widgets import Checkbox


class Choice(Checkbox):
    """Empty until it is chosen: Textual's own shows its X always, and differs in colour only."""

    BUTTON_INNER = " "

    def watch_value(self) -> None:
        """The X comes and goes."""
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()
        self.refresh(layout=True)
