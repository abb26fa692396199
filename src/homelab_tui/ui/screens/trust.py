"""First contact: the fingerprint, its picture, and how to compare it. Rejecting is the default."""

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.public_keys import randomart
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog


class TrustScreen(Dialog[bool]):
    """One unknown host key. True: a person compared it."""

    def __init__(self, node: Node, host_key: HostKey) -> None:
        super().__init__()
        self._node = node
        self._host_key = host_key

    def compose(self) -> ComposeResult:
        """Who, what, how to compare."""
        box = Vertical(classes="box")
        box.border_title = Content(f"Do you know {printable(self._node.name)}?")
        with box:
            with VerticalScroll(classes="text", can_focus=False):
                yield Static(self._text(), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Reject", id="reject")
                yield Button("It is the same: trust it", id="trust", variant="warning")

    def on_mount(self) -> None:
        """The focus is on what does no harm."""
        self.query_one("#reject").focus()

    def _text(self) -> Text:
        key, node = self._host_key, self._node
        text = Text()
        text.append(f"{printable(node.host)} port {node.port or 22}\n")
        text.append(f"{key.key_type}  {key.fingerprint}\n\n", "bold")
        if key.state is HostKeyState.NEW_TYPE:
            text.append("This host is known by a key of another type.\n\n", "yellow")
        if key.blob:
            text.append("\n".join(randomart(key.blob)) + "\n\n")
        text.append("Compare it on the console of the node:\n", "dim")
        text.append("  for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lvf $k; done\n")
        text.append("Nothing secret has been sent yet.", "dim")
        return text

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "trust")
