"""First contact: the fingerprint, its picture, and how to compare it. Rejecting is the default."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from homelab_tui.domain.keys import HostKey
from homelab_tui.domain.nodes import Node
from homelab_tui.present.host_keys import first_contact
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog


class TrustScreen(Dialog[bool]):
    """One unknown host key. True: a person compared it."""

    def __init__(self, node: Node, host_key: HostKey, way: tuple[str, ...] | None = None) -> None:
        """`way`: the jump hosts on the way to the node; None when not known."""
        super().__init__()
        self._way = way
        self._node = node
        self._host_key = host_key

    def compose(self) -> ComposeResult:
        """Who, what, how to compare."""
        box = Vertical(classes="box")
        whose = self._host_key.jump_host or self._node.name
        box.border_title = Content(f"Do you know {printable(whose)}?")
        with box:
            with VerticalScroll(classes="text", can_focus=False):
                yield Static(first_contact(self._node, self._host_key, self._way), markup=False)
            with Vertical(classes="foot"), Horizontal(classes="buttons"):
                yield Button("Reject", id="reject")
                yield Button("It is the same: trust it", id="trust", variant="warning")

    def on_mount(self) -> None:
        """The focus is on what does no harm."""
        self.query_one("#reject").focus()

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "trust")
