"""Sizes and durations as people write them."""

import re

_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# Twelve digits are more than anything here can mean; without a bound a long number becomes infinite.
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,12})?)"
LONGEST_S = 100 * 366 * 86400.0


def parse_size(text: str) -> int:
    """Bytes of `"16 GB"` or `"4 GiB"`. Raises ValueError in words."""
    match = re.fullmatch(rf"\s*{_NUMBER}\s*([A-Za-z]+)\s*", text)
    if match is None or match[2].casefold() not in _SIZES:
        raise ValueError('write a number and a unit, like "16 GB" or "4 GiB"')
    return round(float(match[1]) * _SIZES[match[2].casefold()])


def parse_duration(text: str) -> float:
    """Seconds of `"30s"`, `"5m"`, `"1h30m"` or `"7d"`, at most 100 years. Raises ValueError in words."""
    part = rf"\s*{_NUMBER}\s*(ms|[smhdw])"
    if not re.fullmatch(rf"(?:{part})+\s*", text):
        raise ValueError('write a number and a unit, like "30s", "5m" or "7d"')
    seconds = sum(float(number) * _DURATIONS[unit] for number, unit in re.findall(part, text))
    if seconds > LONGEST_S:
        raise ValueError("is longer than 100 years")
    return seconds
