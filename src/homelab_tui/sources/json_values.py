"""Taking values out of JSON that keeps to no schema: devices say 3, "3", "3.24" or "3.24 W" for the same thing."""

import json
import math
import re
from collections.abc import Iterator, Mapping

from homelab_tui.domain.errors import SourceGarbled

Object = Mapping[str, object]
_NUMBER = re.compile(r"\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(?:[A-Za-z%]{0,3})\s*")


def decoded(body: bytes, what: str) -> object:
    """The document in a body. Raises: SourceGarbled naming `what`."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceGarbled(f"{what} is not JSON: is this the right address?") from error
    return document


def objects(value: object) -> Iterator[Object]:
    """The objects of a list, or the one object; whatever else is in it is passed over."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def number(value: object) -> float | None:
    """A finite number, also from a string with or without a unit; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        value = float(match[1]) if match and len(match[1]) < 20 else None
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def whole(value: object) -> int | None:
    """A whole number that is not negative; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def scaled(value: object, factor: float) -> int | None:
    """A number that is not negative, times `factor`, rounded: watts to milliwatts."""
    found = number(value)
    return None if found is None or not 0 <= found < 1e9 else round(found * factor)


def text(value: object) -> str | None:
    """A string that holds something; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def truth(value: object) -> bool | None:
    """true or false, also as a string of the words that devices use; None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
        str(value).casefold() if isinstance(value, str) else ""
    )
