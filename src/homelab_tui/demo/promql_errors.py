"""How Prometheus words what is wrong with a query; compared with Debian's 2.42."""

import re

_OTHERS = (
    "absent_over_time acos acosh asin asinh atan atanh clamp clamp_max clamp_min cos cosh "
    "day_of_month day_of_week day_of_year days_in_month deg delta deriv exp histogram_count "
    "histogram_fraction histogram_quantile histogram_sum holt_winters hour idelta irate label_join "
    "label_replace ln log10 log2 minute month pi predict_linear present_over_time quantile_over_time "
    "rad resets sgn sin sinh sort sort_desc sqrt stddev_over_time stdvar_over_time tan tanh year "
    "count_values quantile stddev stdvar "
)
KNOWN_FUNCTIONS = frozenset(_OTHERS.split())
"""What a real Prometheus would answer and the lab does not."""


class QueryError(Exception):
    """A query that is not answered: (HTTP status, errorType, message)."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code, self.kind, self.message = code, kind, message


def unspoken(what: str) -> QueryError:
    """PromQL that a real Prometheus would answer and the lab does not."""
    return QueryError(422, "execution", f"the demo lab does not speak this: {what}")


def parse_error(place: int, why: str) -> QueryError:
    """What is no PromQL; `place` counts the query's characters from 1."""
    return QueryError(400, "bad_data", f'invalid parameter "query": 1:{place}: parse error: {why}')


def described(kind: str, text: str) -> str:
    """A token as the parser calls it: `identifier "up"`, `<op:*>`, `"["`."""
    if kind == "name":
        return f'identifier "{text}"'
    if kind in ("number", "duration"):
        return f'{kind} "{text}"'
    if kind == "string":
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'string "{quoted}"'
    return f'"{text}"' if text in "(){}[]," else f"<op:{text}>"


def regexp_error(pattern: str, error: re.error, *, anchored: bool = True) -> str:
    """A bad regular expression in the words of Go's parser, where the lab knows them.

    `anchored`: it was wrapped into `^(?:…)$` before it was looked at.
    """
    at, head, tail = error.pos or 0, "^(?:" if anchored else "", ")$" if anchored else ""
    for begins, words in {
        "unterminated character set": f"missing closing ]: `{pattern[at:]}{tail}`",
        "nothing to repeat": f"missing argument to repetition operator: `{pattern[at : at + 1]}`",
        "missing ), unterminated subpattern": f"missing closing ): `{head}{pattern}{tail}`",
    }.items():
        if error.msg.startswith(begins):
            return f"error parsing regexp: {words}"
    return f"error parsing regexp: {error.msg}"
