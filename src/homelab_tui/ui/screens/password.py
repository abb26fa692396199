"""A password, masked, in memory only: for an account that no key opens yet, or a new one for an expired one."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Static

from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.choices import Choice
from homelab_tui.ui.screens.dialog import Dialog


class GivenPassword(Frozen):
    """What was typed, and for whom."""

    secret: Secret
    for_first_only: bool = False
    """Each account has one of its own: this is the first one's, and the next is to be asked for."""


class PasswordScreen(Dialog[GivenPassword]):
    """Asks for accounts: once for all, or one after the other. None: nobody gave one."""

    def __init__(self, accounts: tuple[str, ...], why: str = "No key of mine opens") -> None:
        super().__init__()
        self._accounts = accounts
        self._why = why

    def compose(self) -> ComposeResult:
        """For whom, the masked field, and whether it is everybody's."""
        box = Vertical(classes="box")
        box.border_title = Content("Password")
        with box:
            yield Static(f"{self._why}: {printable(', '.join(self._accounts))}", markup=False)
            yield Static("Their password is used once, and kept nowhere. Enter goes on, esc leaves.", markup=False)
            yield Input(password=True, id="password")
            if len(self._accounts) > 1:
                first = printable(self._accounts[0], 40)
                yield Choice(Content(f"they differ: this is {first}'s, ask for the next one too"), id="each")

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        secret = Secret(event.value) if event.value else None
        event.input.clear()
        each = len(self._accounts) > 1 and self.query_one("#each", Checkbox).value
        self.dismiss(None if secret is None else GivenPassword(secret, each))


class ChangedPassword(Frozen):
    """The password until now, and the one that takes its place."""

    old: Secret
    new: Secret


class NewPasswordScreen(Dialog[ChangedPassword]):
    """The accounts' password has expired: the old one, and a new one twice. None: left as it is."""

    def __init__(self, accounts: tuple[str, ...], old: Secret | None = None, why: str | None = None) -> None:
        """`old` where it was typed a moment ago; `why` says what went wrong with the last try."""
        super().__init__()
        self._accounts = accounts
        self._old = old
        self._why_again = why

    def compose(self) -> ComposeResult:
        """For whom, three masked fields, buttons."""
        box = Vertical(classes="box")
        box.border_title = Content("The password has expired")
        with box:
            names = printable(", ".join(self._accounts))
            yield Static(f"A new password is wanted before anything else on: {names}", markup=False)
            if self._old is None:
                yield Static("The password until now:", markup=False)
                yield Input(password=True, id="old", compact=True)
            yield Static("The new one, twice (kept nowhere; write it down yourself):", markup=False)
            yield Input(password=True, id="first", compact=True)
            yield Input(password=True, id="second", compact=True)
            yield Static(printable(self._why_again or "", 300), id="why", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Change it", id="go", variant="primary")

    def on_mount(self) -> None:
        """The first field."""
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    @on(Button.Pressed, "#cancel")
    def _leave(self) -> None:
        self._forget()
        self.dismiss(None)

    @on(Button.Pressed, "#go")
    def _change(self) -> None:
        old = self._old or Secret(self.query_one("#old", Input).value)
        first, second = (Secret(self.query_one(f"#{field}", Input).value) for field in ("first", "second"))
        why = None
        if not old.reveal():
            why = "The password until now is missing."
        elif not first.reveal():
            why = "The new password is missing."
        elif first != second:
            why = "The two new ones differ."
        elif first == old:
            why = "The new one is the old one."
        if why is not None:
            self.query_one("#why", Static).update(why)
            return
        self._forget()
        self.dismiss(ChangedPassword(old, first))

    def _forget(self) -> None:
        for field in self.query(Input):
            field.clear()
