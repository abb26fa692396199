"""What the engine tells the screen."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:  # the app knows this message before its first paint
    from homelab_tui.domain.state import LabState


class StateChanged(Message):
    """The lab's state is another than before. A burst of a thousand is drawn once: the newest replaces the rest."""

    def __init__(self, state: "LabState") -> None:
        super().__init__()
        self.state = state

    def can_replace(self, message: Message) -> bool:
        """Only the newest state matters."""
        return isinstance(message, StateChanged)
