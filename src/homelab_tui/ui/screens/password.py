"""A password, masked, in memory only."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from homelab_tui.domain.secrets import Secret
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog


class PasswordScreen(Dialog[Secret]):
    """Asks once for the accounts that no key opens yet. None: nobody gave one."""

    def __init__(self, accounts: tuple[str, ...], why: str = "No key of mine opens") -> None:
        super().__init__()
        self._accounts = accounts
        self._why = why

    def compose(self) -> ComposeResult:
        """For whom, and the masked field."""
        box = Vertical(classes="box")
        box.border_title = Content("Password")
        with box:
            yield Static(f"{self._why}: {printable(', '.join(self._accounts))}", markup=False)
            yield Static("Their password is used once, and kept nowhere. Enter goes on, esc leaves.", markup=False)
            yield Input(password=True, id="password")

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        secret = Secret(event.value) if event.value else None
        event.input.clear()
        self.dismiss(secret)
