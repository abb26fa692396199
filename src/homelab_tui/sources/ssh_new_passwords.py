"""An expired password (a fresh Ubuntu, `chage -d 0`): taken through the server's own conversation, once. Blocking.

sshd says it in one of two ways. By keyboard-interactive PAM asks for the old and the new one within the login itself.
After any other login it runs `passwd` in place of the shell, and wants a terminal for it. Nothing that was typed is
ever part of a message: the server's words are cleaned of both passwords before they are quoted.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh_commands import run_command
from homelab_tui.sources.ssh_connection import Arrival
from homelab_tui.sources.ssh_limits import Deadline
from homelab_tui.sources.ssh_login import Signer, ask_methods, log_in, refuse_login
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_scripts import new_mark

if TYPE_CHECKING:
    import paramiko

_AGAIN = re.compile(r"retype|re-type|again|re-enter|reenter|repeat|confirm|verify", re.IGNORECASE)
_NEW = re.compile(r"\bnew\b", re.IGNORECASE)
_PROMPT = re.compile(r"([^\r\n]*[^\s\r\n][^\r\n]*:)[ \t]*\Z")
_PROMPT_REST_S = 0.3
"""How long a line that looks like a prompt must be the last one: a message that ends in a colon goes on."""


class _Conversation:
    """Answers old, new, and new again. Asked for the new one anew, it says no more: the server did not like it."""

    def __init__(self, old: Secret, new: Secret, *, olds: int) -> None:
        """`olds`: how often the old one may be asked for."""
        self._old, self._new, self._olds = old, new, olds
        self._given = self._repeated = False
        self.said: list[str] = []

    def answer(self, prompt: str) -> str | None:
        """The answer to one prompt; None where none belongs. A prompt in another language counts by its place."""
        is_again, is_new = bool(_AGAIN.search(prompt)), bool(_NEW.search(prompt))
        if self._olds and not is_again and not is_new:
            self._olds -= 1
            return self._old.reveal()
        self._olds = 0
        if is_again or (not is_new and self._given):
            fits, self._repeated = not self._repeated, True
        else:
            fits, self._given = not self._given, True
        return self._new.reveal() if fits else None

    @property
    def got_on(self) -> bool:
        """Whether it came to the new password: the old one was taken."""
        return self._given

    def words(self) -> str:
        """What the server said besides its prompts, without what was typed."""
        text = " ".join(self.said)
        for secret in (self._old.reveal(), self._new.reveal()):
            text = text.replace(secret, "…") if secret else text
        return printable(text, 200)


def change_password(arrival: Arrival, signers: Iterable[Signer], old: Secret, new: Secret, timeout_s: float) -> None:
    """Gives the account a new password, at the server's own demand. Whether it was taken, a fresh login has to show.

    Raises: CredentialsNeeded when the old one is refused; SourceRefused when the new one is, or nobody asked for one.
    """
    methods = ask_methods(arrival)
    if "keyboard-interactive" in methods and "password" not in methods and not _opened_by_key(arrival, signers):
        _within_the_login(arrival, old, new)
        return
    if not arrival.transport.is_authenticated() and not _opened_by_key(arrival, signers):
        log_in(arrival, (), old)
    mark = new_mark()
    if mark.encode() in run_command(arrival.transport, f"echo {mark}", arrival.where, timeout_s=timeout_s).stdout:
        raise SourceRefused(f"{arrival.where}: its password has not expired; nothing was changed")
    _on_a_terminal(arrival, old, new, timeout_s)


def _opened_by_key(arrival: Arrival, signers: Iterable[Signer]) -> bool:
    if arrival.transport.is_authenticated():
        return True
    try:
        log_in(arrival, signers)
    except CredentialsNeeded:
        return False
    return True


def _within_the_login(arrival: Arrival, old: Secret, new: Secret) -> None:
    import paramiko  # heavy: nothing may import it before the first paint

    # The login's own question first, then the old one once more before it is replaced.
    talk = _Conversation(old, new, olds=2)
    stuck: list[str] = []

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        talk.said += [text for text in (title, instructions) if text]
        answers = [talk.answer(str(prompt)) for prompt, _ in prompts]
        stuck.extend(str(prompt) for (prompt, _), one in zip(prompts, answers, strict=True) if one is None)
        return [one or "" for one in answers]

    try:
        arrival.transport.auth_interactive(arrival.hop.user, answer)
    except paramiko.AuthenticationException as error:
        if talk.got_on or stuck:
            raise _not_taken(arrival, talk) from error
        raise CredentialsNeeded(
            f"{arrival.where}: the old password for {arrival.hop.user} was refused", password_possible=True
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise refuse_login(arrival, error) from error


def _on_a_terminal(arrival: Arrival, old: Secret, new: Secret, timeout_s: float) -> None:
    import paramiko  # heavy: nothing may import it before the first paint

    talk, deadline = _Conversation(old, new, olds=1), Deadline(timeout_s)
    try:
        channel = arrival.transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        channel.get_pty(width=200)
        channel.invoke_shell()
        ended = _talk(channel, talk, deadline)
        channel.close()
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise SourceUnreachable(
            f"{arrival.where}: the connection was lost while the password was changed; try the new one, then the old"
        ) from error
    if ended is None and deadline.has_passed:
        raise SourceTimeout(f"{arrival.where}: passwd did not end within {timeout_s:g} s; its password may be either")
    if ended != 0:
        raise _not_taken(arrival, talk)


def _talk(channel: "paramiko.Channel", talk: _Conversation, deadline: Deadline) -> int | None:
    """The conversation on a terminal. Its exit status; None where it was broken off, or did not end in time."""
    text = ""
    while not deadline.has_passed:
        channel.settimeout(_PROMPT_REST_S if _PROMPT.search(text) else max(deadline.left_s, 0.01))
        try:
            data = channel.recv(4096)
        except TimeoutError:
            prompt = _PROMPT.search(text)
            if prompt is None:
                continue
            talk.said.append(text[: prompt.start()])
            answer, text = talk.answer(prompt[1]), ""
            if answer is None:
                return None
            channel.sendall(answer.encode() + b"\n")
            continue
        if not data:
            channel.status_event.wait(max(deadline.left_s, 0.1))
            talk.said.append(text)
            return channel.exit_status
        text += data.decode("utf-8", "replace")
    return None


def _not_taken(arrival: Arrival, talk: _Conversation) -> SourceRefused:
    words = talk.words()
    hint = f" (it says “{words}”)" if words else ""
    return SourceRefused(f"{arrival.where}: the new password was not taken{hint}; the old one is still in force")
