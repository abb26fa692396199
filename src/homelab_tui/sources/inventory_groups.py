"""An Ansible inventory once it is read: hosts, groups of groups, and which variable wins. Nothing is executed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from homelab_tui.domain.drafts import Given
from homelab_tui.domain.errors import ConfigError, ConfigProblem

MOST_HOSTS = 10_000
"""A range that means more is a slip of the pen."""
_RANGE = re.compile(r"\[([^\[\]]*:[^\[\]]*)\]")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class Group:
    """One group."""

    hosts: dict[str, None] = field(default_factory=dict)
    """In their order; a set has none."""
    children: dict[str, int] = field(default_factory=dict)
    """Name of each child, and the line that says so."""
    variables: dict[str, Given] = field(default_factory=dict)
    declared: bool = False
    """False: so far it is only named as a child."""


class Inventory:
    """Hosts and groups of one file, in its order."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.hosts: dict[str, dict[str, Given]] = {}
        self.first_lines: dict[str, int] = {}
        self.groups: dict[str, Group] = {"all": Group(declared=True), "ungrouped": Group(declared=True)}
        self._above: dict[str, set[str]] = {}
        self._depths: dict[str, int] = {}

    def problem(self, line: int | None, message: str) -> ConfigError:
        """What to raise for a file that cannot be read."""
        return ConfigError((ConfigProblem(self.file, line, "", message),))

    def origin(self, line: int) -> str:
        """Where a value stands."""
        return f"{self.file}:{line}"

    def declare(self, name: str) -> Group:
        """The group of that name, made if it is new."""
        group = self.groups.setdefault(name, Group())
        group.declared = True
        return group

    def add_hosts(self, pattern: str, group: str, variables: dict[str, Given], line: int) -> None:
        """Put the hosts of a pattern (`nuc[01:04]`) into a group, with variables of their own."""
        names = list(islice(self._expanded(pattern, line), MOST_HOSTS + 1))
        if len(names) > MOST_HOSTS or len(self.hosts) > MOST_HOSTS:
            raise self.problem(line, f"these are more than {MOST_HOSTS} hosts")
        for name in names:
            self.first_lines.setdefault(name, line)
            self.hosts.setdefault(name, {}).update(variables)
            self.groups[group].hosts[name] = None

    def check(self) -> None:
        """Call it when all is read. Raises ConfigError for a child that is no group, and for circles of groups."""
        parents: dict[str, set[str]] = {name: set() for name in self.groups}
        for name, group in self.groups.items():
            for child, line in group.children.items():
                if not self.groups.get(child, Group()).declared:
                    raise self.problem(line, f"there is no group {child!r}")
                parents[child].add(name)
        left = dict(parents)
        while left:
            ready = [name for name, above in left.items() if not above & left.keys()]
            if not ready:
                raise self.problem(None, f"these groups contain each other: {', '.join(sorted(left))}")
            for name in ready:
                above = left.pop(name)
                self._above[name] = above.union(*(self._above[parent] for parent in above))
                depths = [self._depths[parent] for parent in above]
                self._depths[name] = 0 if name == "all" else 1 + max(depths, default=0)

    def groups_of(self, host: str) -> list[str]:
        """Every group that a host is in, through children too; the more special one later, as it wins."""
        direct = [name for name, group in self.groups.items() if host in group.hosts]
        names = {"all", *direct}.union(*(self._above[name] for name in direct))
        return sorted(names, key=lambda name: (self._depths[name], name))

    def value(self, host: str, *names: str) -> Given | None:
        """A variable of a host under the first of its names that is set: its own, else of its most special group."""
        for name in names:
            for variables in (
                self.hosts[host],
                *(self.groups[group].variables for group in reversed(self.groups_of(host))),
            ):
                if name in variables:
                    return variables[name]
        return None

    def _expanded(self, pattern: str, line: int) -> Iterator[str]:
        match = _RANGE.search(pattern)
        if match is None:
            yield pattern
            return
        head, tail = pattern[: match.start()], pattern[match.end() :]
        for part in self._range(match[1], line):
            for rest in self._expanded(tail, line):
                yield head + part + rest

    def _range(self, text: str, line: int) -> list[str]:
        """`01:04`, `a:f` or `1:9:2`, both ends included."""
        begin, end, *steps = text.split(":")
        begin = begin or "0"
        step = steps[0] if steps else "1"
        if len(steps) > 1 or not re.fullmatch(r"[1-9][0-9]{0,5}", step):
            raise self.problem(line, f"[{text}] is not a range: write [01:04] or [a:d]")
        if re.fullmatch(r"[0-9]{1,9}", begin) and re.fullmatch(r"[0-9]{1,9}", end):
            padded = begin[0] == "0" and len(begin) > 1
            if padded and len(begin) != len(end):
                raise self.problem(line, f"[{text}]: with leading zeros both ends need as many digits")
            numbers = range(int(begin), int(end) + 1, int(step))
            found = [str(number).zfill(len(begin)) if padded else str(number) for number in numbers[: MOST_HOSTS + 1]]
        elif begin in _LETTERS and end in _LETTERS and len(begin) == len(end) == 1:
            found = list(_LETTERS[_LETTERS.index(begin) : _LETTERS.index(end) + 1 : int(step)])
        else:
            found = []
        if not found:
            raise self.problem(line, f"[{text}] is not a range: write [01:04] or [a:d]")
        return found


def known_or_not(text: str, origin: str) -> Given:
    """A value as it stands; a template stays unknown: it is not executed."""
    if "{{" in text or "{%" in text:
        return Given(None, origin, "a template")
    return Given(text, origin)
