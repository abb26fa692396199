"""What dropbear makes of a file that sshd would read."""

from datetime import UTC, datetime

from homelab_tui.domain.authorized_keys import read_cells
from homelab_tui.domain.dropbear import MAX_LINE_BYTES, as_dropbear_reads
from homelab_tui.domain.keys import CellState
from tests.keygen import ed25519_blob, key_text

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def states(*lines: str) -> tuple[list[CellState], tuple[str, ...]]:
    data = "".join(f"{line}\n" for line in lines).encode()
    cells, _ = read_cells(data, NOW)
    judged, why = as_dropbear_reads(cells, data)
    return [cell.state for cell in judged], why


def test_options_that_dropbear_knows_are_as_sshd_reads_them() -> None:
    key = key_text(ed25519_blob(7))
    assert states(f'restrict,command="true" {key}') == ([CellState.RESTRICTED], ())


def test_options_that_dropbear_does_not_know_make_it_refuse_the_key() -> None:
    for options, name in (
        ('from="10.0.0.1"', "from"),
        ('expiry-time="20990101"', "expiry-time"),
        ('no-pty,environment="A=b"', "environment"),
    ):
        found, (why,) = states(f"{options} {key_text(ed25519_blob(7))}")
        assert found == [CellState.IGNORED]
        assert f"line 1: dropbear knows no {name}" in why


def test_a_plain_line_of_the_same_key_still_lets_it_in() -> None:
    key = key_text(ed25519_blob(7))
    assert states(f'from="10.0.0.1" {key}', key) == ([CellState.DUPLICATE], ())


def test_a_line_that_is_too_long_is_not_read() -> None:
    found, (why,) = states(f"{key_text(ed25519_blob(7))} {'c' * MAX_LINE_BYTES}")
    assert found == [CellState.IGNORED]
    assert "longer than dropbear reads" in why
