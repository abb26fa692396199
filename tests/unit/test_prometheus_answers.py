"""What Prometheus, Thanos, Mimir, VictoriaMetrics and the proxies before them answer."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
)
from homelab_tui.domain.jobs import Alert, AlertState
from homelab_tui.sources.prometheus_answers import Vector, alerts, moment, vector, version
from homelab_tui.sources.prometheus_errors import refusal
from homelab_tui.sources.prometheus_pieces import Pieces


def answer(result: object, result_type: str = "vector", **envelope: object) -> bytes:
    """A successful answer to a query."""
    data = {"resultType": result_type, "result": result}
    return json.dumps({"status": "success", "data": data, **envelope}).encode()


def test_a_vector_is_read_with_the_labels_that_matter() -> None:
    metric = {"__name__": "kube_job_failed", "job_name": "a", "pod": "ksm-1", "my.label": "ä\x1b[31m"}
    found = vector(answer([{"metric": metric, "value": [1700000000.123, "1"]}]))
    [sample] = found.samples
    assert (sample.metric.name, sample.metric.job_name, sample.metric.pod) == ("kube_job_failed", "a", "ksm-1")
    assert sample.number() == 1.0
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1.0), ("1.5e+09", 1.5e9), ("+Inf", float("inf")), ("-Inf", float("-inf")), ("NaN", None), ("many", None)],
)
def test_values_are_strings(text: str, expected: float | None) -> None:
    [sample] = vector(answer([{"metric": {}, "value": [1, text]}])).samples
    assert sample.number() == expected


def test_a_native_histogram_is_no_number() -> None:
    histogram = {"count": "12", "sum": "34.5", "buckets": [[0, "0.5", "1", "12"]]}
    [sample] = vector(answer([{"metric": {"__name__": "h"}, "histogram": [1, histogram]}])).samples
    assert sample.number() is None


def test_warnings_of_thanos_say_that_the_answer_may_be_partial() -> None:
    assert vector(answer([], warnings=["store nas:10901 is unavailable", " "])).warnings == (
        "store nas:10901 is unavailable",
    )


def test_a_flood_of_warnings_is_cut() -> None:
    found = vector(answer([], warnings=["w" * 5000] * 200)).warnings
    assert len(found) == 11
    assert max(map(len, found)) == 300
    assert found[-1] == "and 190 more warnings"


def test_victoriametrics_says_partial_in_its_own_way() -> None:
    assert len(vector(answer([], isPartial=True)).warnings) == 1
    assert vector(answer([], isPartial=False)).warnings == ()


def test_infos_of_prometheus_3_are_no_warnings() -> None:
    assert vector(answer([], infos=["metric might not be a counter"])).warnings == ()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (answer([1, "2"], "scalar"), "scalar"),
        (answer([], "matrix"), "matrix"),
        (answer([{"metric": {}, "values": [[1, "2"]]}], "matrix"), "matrix"),
        (answer([1, "x"], "string"), "string"),
        (b'{"status":"success"}', "no data"),
        (b'{"status":"error","errorType":"internal","error":"x"}', "error"),
        (answer([{"metric": {}, "value": [1, 2]}]), "cannot be read"),
        (answer({"a": 1}), "cannot be read"),
        (b'{"status":"success","data":{"resultType":"vec', "cut short"),
        (b"<html>log in</html>", "web page"),
        (b"", "empty"),
        (b"hello", "not JSON"),
        (b"[]", "no answer"),
        (b"[" * 200_000, "cut short"),
        (b'{"status":"success","x":' + b"[" * 200_000, "cut short"),
        (
            b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"\xff"},"value":[1,"1"]}]}}',
            "cannot be read",
        ),
    ],
)
def test_anything_but_a_vector_is_garbled(body: bytes, word: str) -> None:
    with pytest.raises(SourceGarbled, match=word):
        vector(body)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parsers_fail_in_another_way(body: bytes) -> None:
    for read in (vector, alerts, version):
        try:
            read(body)
        except SourceGarbled:
            pass


# -- alerts -----------------------------------------------------------------------------------------------------------


def alert_list(*entries: dict[str, object]) -> bytes:
    """An answer of /api/v1/alerts."""
    return json.dumps({"status": "success", "data": {"alerts": list(entries)}}).encode()


def test_alerts_that_name_a_job() -> None:
    body = alert_list(
        {
            "labels": {
                "alertname": "KubeJobFailed",
                "namespace": "monitoring",
                "exported_namespace": "ops",
                "job_name": "b",
            },
            "annotations": {},
            "state": "firing",
            "activeAt": "2026-11-23T07:00:14.123456789Z",
            "value": "1e+00",
        },
        {
            "labels": {"alertname": "KubeJobFailed", "namespace": "ops", "exported_job": "a"},
            "state": "pending",
            "activeAt": "2026-11-23T16:00:00+09:00",
        },
        {"labels": {"alertname": "Watchdog"}, "state": "firing", "activeAt": "2026-11-23T07:00:14Z"},
        {"labels": {"alertname": "Odd", "namespace": "ops", "job_name": "a"}, "state": "inactive"},
        {
            "labels": {"alertname": "Zero", "namespace": "ops", "job_name": "c"},
            "state": "firing",
            "activeAt": "0001-01-01T00:00:00Z",
        },
        {"labels": {"alertname": "Bad", "namespace": "ops", "job_name": "d"}, "state": "firing", "activeAt": "soon"},
    )
    seven = datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert alerts(body) == (
        Alert("KubeJobFailed", "ops", "a", AlertState.PENDING, seven),
        Alert("KubeJobFailed", "ops", "b", AlertState.FIRING, seven.replace(second=14, microsecond=123456)),
        Alert("Zero", "ops", "c", AlertState.FIRING, None),
        Alert("Bad", "ops", "d", AlertState.FIRING, None),
    )


def test_no_alerts_are_an_empty_list() -> None:
    assert alerts(alert_list()) == ()
    assert alerts(b'{"status":"success","data":{"alerts":null}}') == ()


def test_something_else_is_no_list_of_alerts() -> None:
    with pytest.raises(SourceGarbled):
        alerts(b'{"status":"success"}')


# -- refusals ---------------------------------------------------------------------------------------------------------


def error(kind: str, text: str) -> bytes:
    """An error in Prometheus' words."""
    return json.dumps({"status": "error", "errorType": kind, "error": text}).encode()


PAGE = b"<html><head><title>503 Service Unavailable</title></head><body>secret-looking page</body></html>"


@pytest.mark.parametrize(
    ("code", "headers", "body", "kind", "words"),
    [
        (302, {"location": "/login"}, b"", SourceGarbled, "login page"),
        (400, {}, error("bad_data", "parse error"), SourceRefused, "parse error"),
        (401, {}, b"no org id\n", SourceRefused, "X-Scope-OrgID"),
        (401, {}, b"Unauthorized\n", SourceRefused, "credentials"),
        (403, {}, PAGE, SourceForbidden, "not allowed"),
        (404, {"content-type": "text/plain"}, b"404 page not found\n", SourceMissing, "path prefix"),
        (422, {}, error("execution", "found duplicate series"), SourceRefused, "duplicate series"),
        (429, {"retry-after": "7"}, b"", SourceError, "come back in 7 s"),
        (499, {}, error("canceled", "canceled"), SourceTimeout, "canceled"),
        (500, {}, error("internal", "no space left"), SourceError, "no space left"),
        (502, {"content-type": "text/html"}, PAGE, SourceError, r"Bad Gateway \(502\)$"),
        (503, {"x-prometheus-stopping": "false"}, b"Service Unavailable", SourceError, "starting"),
        (503, {"x-prometheus-stopping": "true"}, b"Service Unavailable", SourceError, "stopping"),
        (503, {}, error("timeout", "query timed out"), SourceTimeout, "timed out"),
        (503, {}, PAGE, SourceError, r"Service Unavailable \(503\)$"),
        (504, {}, b"", SourceTimeout, "Gateway Timeout"),
        (599, {}, b"", SourceError, "answer 599"),
    ],
)
def test_a_refusal_says_what_happened(
    code: int, headers: dict[str, str], body: bytes, kind: type[SourceError], words: str
) -> None:
    found = refusal(code, headers, body)
    assert type(found) is kind
    with pytest.raises(kind, match=words):
        raise found
    assert "secret-looking" not in str(found)


def test_a_refusal_keeps_to_one_short_line() -> None:
    text = str(refusal(422, {}, error("execution", "line\nline\t" * 500)))
    assert "\n" not in text
    assert len(text) < 400


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_the_version_is_told_where_there_is_one() -> None:
    assert version(b'{"status":"success","data":{"version":"2.42.0","revision":"x"}}') == "Prometheus 2.42.0"
    assert (
        version(b'{"status":"success","data":{"application":"Grafana Mimir","version":"2.9"}}') == "Grafana Mimir 2.9"
    )
    assert version(b'{"status":"success","data":{}}') is None
    with pytest.raises(SourceGarbled, match="web page"):
        version(PAGE)


@pytest.mark.parametrize("number", [None, 0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e18])
def test_what_is_no_time_is_none(number: float | None) -> None:
    assert moment(number) is None


def test_a_time_is_aware_utc() -> None:
    assert moment(1.7e9) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def large(count: int = 3000, **envelope: object) -> bytes:
    """An answer as servers write it, without a blank; and labels that look like the end of a series."""
    trap = ',{"metric":{"__name__":"trap"},"value":[1,"1"]}'
    result = [
        {"metric": {"__name__": "kube_job_info", "job_name": f"job-{number}", "pod": trap}, "value": [number, "1"]}
        for number in range(count)
    ]
    data = {"resultType": "vector", "result": result}
    return json.dumps({"status": "success", "data": data, **envelope}, separators=(",", ":")).encode()


def in_pieces(body: bytes, size: int = 65_536) -> list[Vector]:
    """What comes of it in parts of that size."""
    pieces = Pieces()
    found = [Vector(pieces.add(body[at : at + size])) for at in range(0, len(body), size)]
    return [one for one in (*found, pieces.end()) if one.samples or one.warnings]


@pytest.mark.parametrize("size", [7_001, 65_536, 1_000_000])
def test_in_parts_of_any_size_it_is_the_same_vector(size: int) -> None:
    body = large()
    assert [sample for piece in in_pieces(body, size) for sample in piece.samples] == vector(body).samples


def test_a_long_answer_without_a_series_is_not_searched_again_and_again() -> None:
    class Counting(bytearray):
        looks = 0

        def find(self, *wanted: object) -> int:
            Counting.looks += 1
            return super().find(*wanted)  # type: ignore[arg-type]

    pieces = Pieces()
    pieces._rest = Counting()
    for _ in range(500):
        assert pieces.add(b" " * 65_536) == []
    assert Counting.looks < 12
    with pytest.raises(SourceGarbled):
        pieces.end()


def test_in_pieces_it_is_the_same_vector() -> None:
    body = large(warnings=["one store is away"])
    pieces = in_pieces(body)
    assert len(pieces) > 3
    assert [sample for piece in pieces for sample in piece.samples] == vector(body).samples
    assert [warning for piece in pieces for warning in piece.warnings] == ["one store is away"]


def test_a_server_that_writes_blanks_is_understood_at_once() -> None:
    body = json.dumps(json.loads(large())).encode()
    [piece] = in_pieces(body)
    assert piece.samples == vector(large()).samples


@pytest.mark.parametrize(
    "body",
    [
        large()[:-200],
        large().replace(b'"job-7"', b'"job-7'),
        large().replace(b'"job-2990"', b'"job-2990'),
        large().replace(b'"resultType":"vector"', b'"resultType":"matrix"'),
        large().replace(b'"status":"success"', b'"status":"error"'),
    ],
)
def test_what_is_no_vector_is_none_in_pieces_either(body: bytes) -> None:
    with pytest.raises(SourceGarbled):
        in_pieces(body)
