"""The block in /etc/hosts: put in, kept, taken out, and nothing else touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.hosts_block import BEGIN, END, BrokenBlock, hosts_lines, with_block, without_block

LINES = hosts_lines((("nuc01", "10.0.0.1"), ("rpi01", "10.0.0.2")))


@given(st.binary(max_size=200).filter(lambda data: b"homelab" not in data))
def test_in_and_out_again_gives_the_same_bytes_but_for_a_final_newline(data: bytes) -> None:
    inside = with_block(data, LINES)
    assert inside.startswith(data)
    assert with_block(inside, LINES) == inside
    assert without_block(inside) in (data, data + b"\n")


def test_a_block_is_renewed_in_its_place() -> None:
    text = b"a\n" + BEGIN + b"\nold\n" + END + b"\nb"
    assert with_block(text, LINES) == b"a\n" + BEGIN + b"\n10.0.0.1\tnuc01\n10.0.0.2\trpi01\n" + END + b"\nb"
    assert without_block(text) == b"a\nb"


@pytest.mark.parametrize(
    "text",
    [
        BEGIN + b"\n",
        END + b"\n",
        END + b"\n" + BEGIN + b"\n",
        BEGIN + b"\n" + END + b"\n" + BEGIN + b"\n" + END + b"\n",
    ],
)
def test_damaged_markers_are_an_error(text: bytes) -> None:
    with pytest.raises(BrokenBlock):
        with_block(text, LINES)
    with pytest.raises(BrokenBlock):
        without_block(text)
