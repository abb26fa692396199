"""The torture list names tests that there are."""

import re
from pathlib import Path

import pytest

from tests.real.torture_list import TORTURES

REAL = Path(__file__).parents[1] / "real"


@pytest.mark.parametrize("case", TORTURES)
def test_every_torture_has_its_tests(case: str) -> None:
    for name in TORTURES[case]:
        file, _, test = name.partition(":")
        text = (REAL / f"test_{file}.py").read_text()
        assert re.search(rf"^(async )?def test_{test}\(", text, re.MULTILINE), name


def test_no_number_of_the_list_is_left_out() -> None:
    assert [int(case.split()[0]) for case in TORTURES] == list(range(1, 30))
