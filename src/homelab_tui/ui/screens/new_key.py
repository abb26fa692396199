"""A new key pair: name, type, comment, and a passphrase typed twice, masked."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Static

from homelab_tui.domain.keys import KeyRecipe
from homelab_tui.domain.secrets import Secret
from homelab_tui.ui.screens.choices import Choice
from homelab_tui.ui.screens.dialog import Dialog


class NewKeyScreen(Dialog[KeyRecipe]):
    """What to make. None: nothing."""

    def compose(self) -> ComposeResult:
        """Fields, then buttons."""
        box = Vertical(classes="box")
        box.border_title = Content("New key pair")
        with box:
            yield Static("File name, beside my other keys (an existing file is never overwritten):", markup=False)
            yield Input("id_ed25519", id="name", compact=True)
            yield Static("Comment (empty: user@host-YYYYMMDD):", markup=False)
            yield Input(id="comment", compact=True)
            yield Choice("RSA 3072 instead of ed25519, for old gear", id="rsa", compact=True)
            yield Static("Passphrase, twice:", markup=False)
            yield Input(password=True, id="first", compact=True)
            yield Input(password=True, id="second", compact=True)
            yield Choice("no passphrase: whoever gets the file gets in", id="none", compact=True)
            yield Static("", id="why", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Make it", id="go", variant="primary")

    def on_mount(self) -> None:
        """The name first."""
        self.query_one("#name").focus()

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()

    @on(Button.Pressed, "#cancel")
    def _leave(self) -> None:
        self._forget()
        self.dismiss(None)

    @on(Button.Pressed, "#go")
    def _make(self) -> None:
        first, second = self._value("first"), self._value("second")
        bare = self.query_one("#none", Checkbox).value
        why = None
        if bare and (first or second):
            why = "A passphrase is typed, and none is wished: which?"
        elif not bare and not first:
            why = "Type a passphrase, or wish for none."
        elif first != second:
            why = "The two passphrases differ."
        if why is not None:
            self.query_one("#why", Static).update(why)
            return
        self._forget()
        kind = "rsa" if self.query_one("#rsa", Checkbox).value else "ed25519"
        secret = None if bare else Secret(first)
        self.dismiss(KeyRecipe(self._value("name"), kind, self._value("comment") or None, secret))

    def _value(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value

    def _forget(self) -> None:
        for field in ("first", "second"):
            self.query_one(f"#{field}", Input).clear()
