"""The tree of a PromQL expression that the demo lab speaks."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """A scalar."""

    value: float


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label condition; `op` is =, !=, =~ or !~."""

    label: str
    op: str
    value: str

    def matches(self, text: str) -> bool:
        """Whether a label value (empty: absent) satisfies it; regular expressions are anchored."""
        if self.op in ("=", "!="):
            return (text == self.value) is (self.op == "=")
        return (re.fullmatch(self.value, text) is not None) is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    """`name{label="value"}[range]`."""

    name: str | None
    matchers: tuple[Matcher, ...]
    range_s: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`op by (labels) (expr)`; `without` turns the grouping round."""

    op: str
    labels: tuple[str, ...]
    without: bool
    parameter: "Expr | None"
    expr: "Expr"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; `on` None: all labels but the name; `group` left or right for many-to-one."""

    op: str
    left: "Expr"
    right: "Expr"
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] = ()
    group: str | None = None
    include: tuple[str, ...] = ()
    as_bool: bool = False


Expr = Number | Selector | Call | Aggregate | Binary


def type_of(expr: Expr) -> str:
    """What an expression is, in Prometheus' words."""
    if isinstance(expr, Number):
        return "scalar"
    if isinstance(expr, Selector):
        return "instant vector" if expr.range_s is None else "range vector"
    if isinstance(expr, Call):
        return "scalar" if expr.function in ("time", "scalar") else "instant vector"
    if isinstance(expr, Binary) and {type_of(expr.left), type_of(expr.right)} == {"scalar"}:
        return "scalar"
    return "instant vector"
