"""How long what a reading told is believed."""

from datetime import UTC, datetime, timedelta
from typing import NoReturn

from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh_account import AccountReading, parse_account
from homelab_tui.sources.ssh_account_memory import METHODS_KNOWN_S, RECENT_S, SUDO_KNOWN_S, AccountMemory
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_login import LoggedIn, Signer

READING = AccountReading(
    user="kkato",
    uid=1000,
    home="/home/kkato",
    clock=datetime(2026, 11, 28, tzinfo=UTC),
    utc_offset=timedelta(),
    sudo=False,
    files=(),
    sudo_seen="12:1795870564 13:1795870564",
)


class Watch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 5_000.0

    def __call__(self) -> float:
        return self.now_s


def test_an_answer_about_sudo_is_known_for_ten_minutes_from_when_it_was_asked() -> None:
    watch = Watch()
    memory = AccountMemory(watch)
    assert memory.known_sudo() == ""
    memory.learn(READING)
    assert memory.known_sudo() == "no 12:1795870564 13:1795870564"
    watch.now_s += SUDO_KNOWN_S - 1
    memory.learn(READING)  # it was not asked anew: this reading was told by that answer
    assert memory.known_sudo() != ""
    watch.now_s += 2
    assert memory.known_sudo() == ""


def test_what_was_seen_anew_is_a_new_answer() -> None:
    memory = AccountMemory(Watch())
    memory.learn(READING)
    memory.learn(replace(READING, sudo=True, sudo_seen="12:1795870999"))
    assert memory.known_sudo() == "yes 12:1795870999"
    memory.learn(replace(READING, sudo_seen=None))
    assert memory.known_sudo() == ""


def test_a_reading_is_recent_once_and_for_half_a_minute() -> None:
    watch = Watch()
    memory = AccountMemory(watch)
    memory.keep(READING)
    assert memory.take_recent() is READING
    assert memory.take_recent() is None
    memory.keep(READING)
    watch.now_s += RECENT_S + 1
    assert memory.take_recent() is None


def said(seen: str) -> str | None:
    lines = ("USER kkato", "UID 1000", "HOME /h", "CLOCK 1795870600 +0000", f"SEEN {seen}", "DONE")
    text = "".join(f"\n@@HLx {line}\n" for line in lines)
    return parse_account(Output(text.encode(), b"", 0), "nuc01", "@@HLx").sudo_seen


def test_files_that_were_changed_a_moment_ago_tell_nothing() -> None:
    assert said("12:1795870564 13:1795870500") == "12:1795870564 13:1795870500"
    assert said("12:1795870564 13:1795870599") is None
    assert said("12:1795870564 13:1795999999") is None  # in the future


def test_only_numbers_come_back_into_a_script() -> None:
    for text in ("", "12:1'; reboot; '", "12:1 ", "12:1\u0661", "$(reboot):1"):
        assert said(text) is None


def signed(path: str = "/k") -> LoggedIn:
    def load() -> NoReturn:
        raise AssertionError("nothing is signed here")

    return LoggedIn("SHA256:k", ("publickey",), Signer("SHA256:k", path, load))


def test_what_a_server_offers_is_known_for_ten_minutes_from_when_it_was_asked() -> None:
    watch = Watch()
    memory = AccountMemory(watch)
    assert memory.take_login() is None
    login = signed()
    memory.keep_login(login)
    watch.now_s += METHODS_KNOWN_S - 1
    taken = memory.take_login()
    assert taken is not None
    assert taken[0] is login
    memory.keep_login(*taken)  # it opened the account once more, and was not asked
    watch.now_s += 2
    assert memory.take_login() is None


def test_a_login_is_forgotten_unless_it_works_again() -> None:
    memory = AccountMemory(Watch())
    memory.keep_login(signed())
    assert memory.take_login() is not None
    assert memory.take_login() is None
    memory.keep_login(LoggedIn(None, ("password",)))  # by a password, which is not kept
    assert memory.take_login() is None
