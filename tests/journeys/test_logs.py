"""Someone reads why it failed: the log of any container, searched, saved, and followed while a new run is going."""

import shlex
import stat
from pathlib import Path

import pytest

from homelab_tui.ui.log_view import LogView
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import start_lab, until

JOB = "job:nuc/db/migrate-0042"
CRONJOB = "cronjob:nuc/monitoring/heartbeat"


def view(screen: Dashboard) -> LogView:
    return screen.app.screen.query_one(LogView)


def subtitle(screen: Dashboard) -> str:
    return str(screen.app.screen.query("Vertical").first().border_subtitle)


def key_like(screen: Dashboard, beginning: str) -> str | None:
    """The row whose key begins so: a run has its minute in its name."""
    return next((row.key for row in screen.app.main.pane.table.rows if row.key.startswith(beginning)), None)


async def opened(screen: Dashboard, beginning: str, how: str = "as it stands") -> None:
    """The log of a Job that Kubernetes knows."""
    await screen.press("3")
    await until(lambda: all(reading.value for _, reading in screen.lab.store.state.clusters))
    key = await until(lambda: key_like(screen, beginning))
    await until(lambda: "K" in screen.row(key)[11])
    await screen.go_to("jobs", key)
    await screen.press("l")
    await screen.until_dialog("LogScreen")
    await until(lambda: how in subtitle(screen))


async def test_a_log_is_searched_saved_and_copied_as_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab(ssh=False, snmp=False) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await opened(screen, JOB)
        lines = view(screen).lines
        assert lines == ["applying 0042_index_events", "ERROR: canceling statement due to lock timeout"]
        await screen.press("n")
        await until(lambda: "nothing is searched for" in screen.toasts)
        await screen.press("slash", *"LOCK", "enter")
        await until(lambda: "1 lines have it" in screen.toasts)
        assert view(screen).here == 1
        await screen.press("slash", "ctrl+u", *"in", "enter")
        await until(lambda: "2 lines have it" in screen.toasts)
        await screen.press("N")
        assert view(screen).here == 0
        await screen.press("n", "n")
        assert view(screen).here == 0, "round the end"

        await screen.press("s", "s")
        await until(lambda: screen.toasts.count("saved as") == 2)
        saved = sorted((tmp_path / "state" / "homelab" / "logs").iterdir())
        assert len(saved) == 2, "the second is written beside the first"
        assert {path.read_text() for path in saved} == {"\n".join([*lines, ""])}
        assert {stat.S_IMODE(path.stat().st_mode) for path in saved} == {0o600}

        await screen.press("Y")
        copied = shlex.split(screen.app.clipboard)
        assert copied[:1] + copied[-5:-3] == ["kubectl", "db", "logs"]
        assert copied[-2:] == ["-c", "db-migrate"]
        first = copied[-3]
        await screen.press("c")
        await until(lambda: first not in subtitle(screen) and "as it stands" in subtitle(screen))
        assert "(2 of 2)" in subtitle(screen), "the Pod of the attempt before"
        await screen.press("p")
        await until(lambda: "had no restart" in screen.toasts)
        await screen.press("escape")
        await until(lambda: not screen.dialog)


async def test_a_run_by_hand_is_followed_until_it_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab(ssh=False, snmp=False) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("jobs", CRONJOB)
        await until(lambda: all(reading.value for _, reading in screen.lab.store.state.clusters))
        await screen.go_to("jobs", CRONJOB)
        await screen.press("t")
        await screen.until_dialog("ConfirmScreen")
        assert "create job heartbeat-manual-" in " ".join(screen.words.split())
        await screen.press("right", "enter")
        await screen.until_dialog("LogScreen")
        await until(lambda: "following" in subtitle(screen))
        await until(lambda: any(line.startswith("── heartbeat-manual-") for line in view(screen).lines), 20)
        await until(lambda: view(screen).lines[-1].endswith("is complete ──"), 60)
        assert "ended" in subtitle(screen)
        assert [entry.kind for entry in screen.lab.activity.entries()] == ["jobs.trigger"]


async def test_following_is_stopped_and_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab(ssh=False, snmp=False) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        key = "cronjob:nuc/db/vacuum"  # it runs for 40 s: it does not end by itself here
        await screen.go_to("jobs", key)
        await until(lambda: all(reading.value for _, reading in screen.lab.store.state.clusters))
        await screen.go_to("jobs", key)
        await screen.press("t")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        await screen.until_dialog("LogScreen")
        await until(lambda: "following" in subtitle(screen))
        await screen.press("Y")
        assert "--follow" in screen.app.clipboard
        await screen.press("f")
        await until(lambda: "stopped" in subtitle(screen))
        await screen.press("f")
        await until(lambda: "following" in subtitle(screen))


async def test_a_log_full_of_commands_for_the_terminal_is_only_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab(ssh=False, snmp=False) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await opened(screen, JOB)
        evil = "\x1b]0;pwned\x07[bold]red[/bold] [/"
        view(screen).add([evil, "ein Straßenname", "x" * 10_000])
        await screen.press("slash", *"strassen", "enter")
        await until(lambda: "1 lines have it" in screen.toasts)
        drawn = "".join(segment.text for y in range(6) for segment in view(screen).render_line(y))
        assert "\x1b" not in drawn
        assert "[bold]red[/bold] [/" in drawn
        assert view(screen).lines[2] == evil, "what is saved is what was said"
