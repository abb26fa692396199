"""How long operating systems get updates. A small table: what it does not know is not judged."""

from datetime import date

_ENDS = {
    ("ubuntu", "18.04"): date(2023, 5, 31),
    ("ubuntu", "20.04"): date(2025, 5, 31),
    ("ubuntu", "22.04"): date(2027, 6, 1),
    ("ubuntu", "22.10"): date(2023, 7, 20),
    ("ubuntu", "23.04"): date(2024, 1, 25),
    ("ubuntu", "23.10"): date(2024, 7, 11),
    ("ubuntu", "24.04"): date(2029, 5, 31),
    ("ubuntu", "24.10"): date(2025, 7, 10),
    ("debian", "9"): date(2022, 6, 30),
    ("debian", "10"): date(2024, 6, 30),
    ("debian", "11"): date(2026, 8, 31),
    ("debian", "12"): date(2028, 6, 30),
    ("debian", "13"): date(2030, 6, 30),
    ("rocky", "8"): date(2029, 5, 31),
    ("rocky", "9"): date(2032, 5, 31),
    ("almalinux", "8"): date(2029, 5, 31),
    ("almalinux", "9"): date(2032, 5, 31),
    ("centos", "7"): date(2024, 6, 30),
    ("centos", "8"): date(2024, 5, 31),
    ("alpine", "3.16"): date(2024, 5, 23),
    ("alpine", "3.17"): date(2024, 11, 22),
    ("alpine", "3.18"): date(2025, 5, 9),
    ("alpine", "3.19"): date(2025, 11, 1),
    ("alpine", "3.20"): date(2026, 4, 1),
}
"""Last day with updates, long-term support without an extra contract included; as their makers announced it."""
_SUPERSEDED = {
    ("rocky", "8.6"): ("8.7", date(2022, 11, 14)),
    ("rocky", "8.7"): ("8.8", date(2023, 5, 20)),
    ("rocky", "8.8"): ("8.9", date(2023, 11, 22)),
    ("rocky", "8.9"): ("8.10", date(2024, 5, 30)),
    ("rocky", "9.0"): ("9.1", date(2022, 11, 26)),
    ("rocky", "9.1"): ("9.2", date(2023, 5, 16)),
    ("rocky", "9.2"): ("9.3", date(2023, 11, 20)),
    ("rocky", "9.3"): ("9.4", date(2024, 5, 9)),
    ("rocky", "9.4"): ("9.5", date(2024, 11, 19)),
}
"""Minor releases that got their last update when the next one came."""
_SAME_AS = {"raspbian": "debian"}


def end_of_life(os_id: str | None, version: str | None, today: date) -> str | None:
    """Why a system gets no more updates, in words; None when it does, or when that is not known.

    `os_id` and `version` are ID and VERSION_ID of its os-release.
    """
    if not os_id or not version:
        return None
    system = _SAME_AS.get(os_id, os_id)
    major, dot, rest = version.partition(".")
    minor = f"{major}.{rest.partition('.')[0]}" if dot else major
    for known in dict.fromkeys((version, minor, major)):
        last = _ENDS.get((system, known))
        if last is not None and last < today:
            return f"{os_id} {version} gets no updates since {last}"
        superseded = _SUPERSEDED.get((system, known))
        if superseded is not None and superseded[1] <= today:
            return f"{os_id} {version} gets no updates since {superseded[1]}, when {superseded[0]} came"
    return None
