"""The part of PromQL that the demo lab reads: from text to a tree."""

import re

from homelab_tui.demo.promql_errors import (
    KNOWN_FUNCTIONS,
    QueryError,
    described,
    parse_error,
    regexp_error,
    unspoken,
)
from homelab_tui.demo.promql_tree import Aggregate, Binary, Call, Expr, Matcher, Number, Selector, type_of

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
        depth = brackets = 0
        for found in _TOKEN.finditer(text.rstrip()):
            kind = found.lastgroup or "bad"
            self.tokens.append((kind, found[kind], found.start(kind)))
            depth += {"(": 1, ")": -1}.get(found[kind], 0) if kind == "op" else 0
            brackets += {"[": 1, "]": -1}.get(found[kind], 0) if kind == "op" else 0
            if depth < 0:
                raise parse_error(found.start(kind) + 2, "unexpected right parenthesis ')'")
            if brackets < 0:
                raise parse_error(found.start(kind) + 1, "unexpected right bracket ']'")
            if kind == "bad":
                raise self._bad(len(self.tokens) - 1, f"unexpected character: {found[kind]!r}")
        self.at = 0

    def whole(self) -> Expr:
        if not self.tokens:
            raise parse_error(1, "no expression found in input")
        expr = self.binary(0)
        if self.at < len(self.tokens):
            if self.peek() in ("offset", "@", "[", ":"):
                raise unspoken(self.peek())
            raise self._bad(self.at, f"unexpected {self.this()}")
        return expr

    # -- tokens --------------------------------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead][1] if self.at + ahead < len(self.tokens) else ""

    def this(self) -> str:
        """The next token, for a message."""
        return described(*self.tokens[self.at][:2])

    def take(self, wanted: str | None = None, where: str = "") -> str:
        if self.at >= len(self.tokens):
            raise self._ended(f'{where}, expected "{wanted}"' if where else "")
        if wanted is not None and self.peek() != wanted:
            raise self._bad(self.at, f'unexpected {self.this()}{where}, expected "{wanted}"')
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _ended(self, where: str = "") -> QueryError:
        """The text ends too early: what is still open says how it is worded."""
        open_ones: list[str] = []
        for kind, text, _ in self.tokens:
            if kind == "op" and text in "({":
                open_ones.append(text)
            elif kind == "op" and text in ")}" and open_ones:
                open_ones.pop()
        inside = open_ones[-1] if open_ones else ""
        why = {"{": "unexpected end of input inside braces", "(": "unclosed left parenthesis"}.get(inside)
        return self._bad(len(self.tokens), why or f"unexpected end of input{where}")

    def _place(self, index: int) -> int:
        return self.tokens[index][2] + 1 if index < len(self.tokens) else len(self.text) + 1

    def _bad(self, index: int, why: str) -> QueryError:
        return parse_error(self._place(index), why)

    # -- grammar -------------------------------------------------------------------------------------------------------

    def binary(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self.unary()
        begin, left = self.at, self.binary(level + 1)
        while self.peek().lower() in _LEVELS[level]:
            sign = self.at
            op = self.take().lower()
            if as_bool := self.peek() == "bool":
                self.take()
            on, ignoring, group, include = self.matching()
            right = self.binary(level + 1)
            scalars = [side for side in (left, right) if type_of(side) == "scalar"]
            if op in ("and", "or", "unless") and scalars:
                raise self._bad(begin, f'set operator "{op}" not allowed in binary scalar expression')
            if op in _LEVELS[2] and len(scalars) == 2 and not as_bool:
                raise self._bad(sign, "comparisons between scalars must use BOOL modifier")
            left = Binary(op, left, right, on, ignoring, group, include, as_bool)
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
        self.take("(", " in grouping opts")
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
            raise self._ended()
        begin, (kind, text, _) = self.at, self.tokens[self.at]
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
            raise self._bad(self.at, f"unexpected {self.this()}")
        self.take()
        if text.lower() in ("inf", "nan"):
            return Number(float(text))
        if text in AGGREGATES and self.peek() in ("(", "by", "without"):
            return self.aggregate(text, begin)
        if self.peek() == "(":
            return self.call(text, begin)
        return self.selector(text)

    def aggregate(self, op: str, begin: int) -> Expr:
        labels, without = self.grouping()
        self.take("(")
        first = self.binary(0)
        parameter: Expr | None = None
        if op in ("topk", "bottomk"):
            if self.peek() == ")":
                why = "wrong number of arguments for aggregate expression provided, expected 2, got 1"
                raise self._bad(begin, why)
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

    def call(self, name: str, begin: int) -> Expr:
        if name not in (*FUNCTIONS, *OVER_TIME):
            if name not in KNOWN_FUNCTIONS:
                raise self._bad(begin, f'unknown function with name "{name}"')
            raise unspoken(f"{name}()")
        self.take("(")
        arguments: list[Expr] = []
        first = self.at
        while self.peek() != ")":
            arguments.append(self.binary(0))
            if self.peek() == ",":
                self.take()
            elif self.peek() != ")":
                raise self._bad(self.at, f"unexpected {self.this()}") if self.peek() else self._ended()
        self.take(")")
        wanted = 0 if name == "time" else 1
        if len(arguments) != wanted:
            raise self._bad(begin, f'expected {wanted} argument(s) in call to "{name}", got {len(arguments)}')
        takes = "range vector" if name in (*OVER_TIME, "rate", "increase", "changes") else "instant vector"
        takes = "scalar" if name == "vector" else takes
        if arguments and (given := type_of(arguments[0])) != takes:
            raise self._bad(first, f'expected type {takes} in call to function "{name}", got {given}')
        if self.peek() == "[":
            raise unspoken("a subquery")
        return Call(name, tuple(arguments))

    def selector(self, name: str | None) -> Expr:
        matchers: list[Matcher] = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                begin, label = self.at, self.take()
                if self.peek() not in ("=", "!=", "=~", "!~"):
                    wrong = f"unexpected {self.this()} in label matching" if self.peek() else ""
                    raise self._bad(self.at, wrong) if wrong else self._ended()
                matchers.append(self.matcher(label, self.take(), begin))
                if self.peek() == ",":
                    self.take()
                elif self.peek() != "}":
                    wrong = f'unexpected {self.this()} in label matching, expected "," or "}}"' if self.peek() else ""
                    raise self._bad(self.at, wrong) if wrong else self._ended()
            self.take("}")
        if name is None and all(matcher.matches("") for matcher in matchers):
            raise parse_error(1, "vector selector must contain at least one non-empty matcher")
        range_s: float | None = None
        if self.peek() == "[":
            self.take()
            kind, at = self.tokens[self.at][0] if self.peek() else "", self.at
            if kind == "number":
                raise self._bad(at, "missing unit character in duration")
            if kind and kind != "duration":
                raise self._bad(at, f"unexpected {self.this()} in subquery or range selector, expected duration")
            range_s = duration_s(self.take())
            if self.peek().startswith(":"):
                raise unspoken("a subquery")
            self.take("]")
        if self.peek() in ("offset", "@"):
            raise unspoken(self.peek())
        return Selector(name, tuple(matchers), range_s)

    def matcher(self, label: str, op: str, begin: int) -> Matcher:
        if self.peek() and self.tokens[self.at][0] != "string":
            raise self._bad(self.at, f"unexpected {self.this()} in label matching, expected string")
        value = re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), self.take()[1:-1])
        if op in ("=~", "!~"):
            try:
                re.compile(value)
            except re.error as error:
                raise self._bad(begin, regexp_error(value, error)) from error
        return Matcher(label, op, value)
