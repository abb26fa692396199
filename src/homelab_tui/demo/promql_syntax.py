"""The part of PromQL that the demo lab reads: from text to a tree."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[a-zA-Z_:][\w:]*)"
    r"|(?P<op>=~|!~|==|!=|>=|<=|[-+*/%^(){}\[\],=<>@:])"
    r"|(?P<bad>\S))"
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_LEVELS = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/", "%"))
AGGREGATES = ("count", "sum", "max", "min", "avg", "topk", "bottomk", "group")
FUNCTIONS = (
    "time",
    "timestamp",
    "absent",
    "vector",
    "scalar",
    "abs",
    "ceil",
    "floor",
    "round",
    "rate",
    "increase",
    "changes",
)
OVER_TIME = ("max_over_time", "min_over_time", "last_over_time", "avg_over_time", "count_over_time", "sum_over_time")


class QueryError(Exception):
    """A query that is not answered: (HTTP status, errorType, message)."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code, self.kind, self.message = code, kind, message


def unspoken(what: str) -> QueryError:
    """PromQL that a real Prometheus would answer and the lab does not."""
    return QueryError(422, "execution", f"the demo lab does not speak this: {what}")


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


def parse(text: str) -> Expr:
    """The tree of a query.

    Raises: QueryError 400 for what is not PromQL, 422 for PromQL that the lab does not speak.
    """
    return _Parser(text).whole()


def duration_s(text: str) -> float:
    """Seconds of `1h30m` or a plain number. Raises: ValueError."""
    if re.fullmatch(r"(?:\d+(?:ms|[smhdwy]))+", text):
        return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", text))
    return float(text)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        for found in _TOKEN.finditer(text.rstrip()):
            kind = found.lastgroup or "bad"
            self.tokens.append((kind, found[kind], found.start(kind)))
            if kind == "bad":
                raise self._bad(len(self.tokens) - 1, f"unexpected character: {found[kind]!r}")
        self.at = 0

    def whole(self) -> Expr:
        if not self.tokens:
            raise QueryError(
                400,
                "bad_data",
                'invalid parameter "query": unknown position: parse error: no expression found in input',
            )
        expr = self.binary(0)
        if self.at < len(self.tokens):
            if self.peek() in ("offset", "@", "[", ":"):
                raise unspoken(self.peek())
            raise self._bad(self.at, f"unexpected {self.peek()!r}")
        return expr

    # -- tokens --------------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        if self.at >= len(self.tokens):
            raise self._bad(self.at, "unexpected end of input")
        if wanted is not None and self.peek() != wanted:
            raise self._bad(self.at, f"unexpected {self.peek()!r}, expected {wanted!r}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _bad(self, index: int, why: str) -> QueryError:
        place = self.tokens[index][2] + 1 if index < len(self.tokens) else len(self.text) + 1
        return QueryError(400, "bad_data", f'invalid parameter "query": 1:{place}: parse error: {why}')

    # -- grammar -------------------------------------------------------------------------------------------------------

    def binary(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek().lower() in _LEVELS[level]:
            op = self.take().lower()
            if as_bool := self.peek() == "bool":
                self.take()
            on, ignoring, group, include = self.matching()
            left = Binary(op, left, self.binary(level + 1), on, ignoring, group, include, as_bool)
        return left

    def matching(self) -> tuple[tuple[str, ...] | None, tuple[str, ...], str | None, tuple[str, ...]]:
        on: tuple[str, ...] | None = None
        ignoring: tuple[str, ...] = ()
        group: str | None = None
        include: tuple[str, ...] = ()
        if self.peek() in ("on", "ignoring"):
            if self.take() == "on":
                on = self.label_list()
            else:
                ignoring = self.label_list()
            if self.peek() in ("group_left", "group_right"):
                group = self.take().removeprefix("group_")
                include = self.label_list() if self.peek() == "(" else ()
        return on, ignoring, group, include

    def label_list(self) -> tuple[str, ...]:
        self.take("(")
        found: list[str] = []
        while self.peek() != ")":
            found.append(self.take())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return tuple(found)

    def unary(self) -> Expr:
        if self.peek() in ("-", "+"):
            sign = self.take()
            inner = self.unary()
            return Binary("*", Number(-1.0), inner) if sign == "-" else inner
        return self.primary()

    def primary(self) -> Expr:
        if self.at >= len(self.tokens):
            raise self._bad(self.at, "unexpected end of input")
        kind, text, _ = self.tokens[self.at]
        if text == "(":
            self.take()
            inner = self.binary(0)
            self.take(")")
            if self.peek() == "[":
                raise unspoken("a subquery")
            return inner
        if kind == "number":
            return Number(float(self.take()))
        if text == "{":
            return self.selector(None)
        if kind == "string":
            raise unspoken("a string as an expression")
        if kind != "name":
            raise self._bad(self.at, f"unexpected {text!r}")
        self.take()
        if text.lower() in ("inf", "nan"):
            return Number(float(text))
        if text in AGGREGATES and self.peek() in ("(", "by", "without"):
            return self.aggregate(text)
        if self.peek() == "(":
            return self.call(text)
        return self.selector(text)

    def aggregate(self, op: str) -> Expr:
        labels, without = self.grouping()
        self.take("(")
        first = self.binary(0)
        parameter: Expr | None = None
        if op in ("topk", "bottomk"):
            self.take(",")
            parameter, first = first, self.binary(0)
        self.take(")")
        if self.peek() in ("by", "without"):
            labels, without = self.grouping()
        return Aggregate(op, labels, without, parameter, first)

    def grouping(self) -> tuple[tuple[str, ...], bool]:
        if self.peek() not in ("by", "without"):
            return (), False
        return (lambda without: (self.label_list(), without))(self.take() == "without")

    def call(self, name: str) -> Expr:
        if name not in (*FUNCTIONS, *OVER_TIME):
            raise unspoken(f"{name}()")
        self.take("(")
        arguments: list[Expr] = []
        while self.peek() != ")":
            arguments.append(self.binary(0))
            if self.peek() == ",":
                self.take()
            elif self.peek() != ")":
                raise self._bad(self.at, f"unexpected {self.peek()!r}" if self.peek() else "unclosed left parenthesis")
        self.take(")")
        if self.peek() == "[":
            raise unspoken("a subquery")
        return Call(name, tuple(arguments))

    def selector(self, name: str | None) -> Expr:
        matchers: list[Matcher] = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                label = self.take()
                op = self.take()
                if op not in ("=", "!=", "=~", "!~"):
                    raise self._bad(self.at - 1, f"unexpected {op!r} in label matching")
                matchers.append(self.matcher(label, op))
                if self.peek() == ",":
                    self.take()
                elif self.peek() != "}":
                    raise self._bad(self.at, "unexpected end of input inside braces")
            self.take("}")
        if name is None and all(matcher.matches("") for matcher in matchers):
            why = "vector selector must contain at least one non-empty matcher"
            raise QueryError(400, "bad_data", f'invalid parameter "query": 1:1: parse error: {why}')
        range_s: float | None = None
        if self.peek() == "[":
            self.take()
            range_s = duration_s(self.take())
            if self.peek().startswith(":"):
                raise unspoken("a subquery")
            self.take("]")
        if self.peek() in ("offset", "@"):
            raise unspoken(self.peek())
        return Selector(name, tuple(matchers), range_s)

    def matcher(self, label: str, op: str) -> Matcher:
        kind, text = self.tokens[self.at][0] if self.at < len(self.tokens) else "", self.take()
        if kind != "string":
            raise self._bad(self.at - 1, f"unexpected {text!r} in label matching, expected string")
        value = re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])
        if op in ("=~", "!~"):
            try:
                re.compile(value)
            except re.error as error:
                raise self._bad(self.at - 1, f"error parsing regexp: {error}") from error
        return Matcher(label, op, value)
