"""What goes wrong between us and a Prometheus-compatible server, as sentences of the one error tree."""

import re
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol
from urllib.parse import SplitResult

import msgspec

from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.sources.prometheus_answers import MAX_WORDS, UNREADABLE

_MAX_TEXT_BYTES = 4096


class TimeLimits(Protocol):
    """How long was waited, for the sentence that says so."""

    @property
    def connect_timeout_s(self) -> float:
        """For a connection."""
        ...

    @property
    def read_timeout_s(self) -> float:
        """For an answer."""
        ...


class _Problem(msgspec.Struct, rename={"error_type": "errorType"}):
    """An error in Prometheus' own words."""

    error_type: str = ""
    error: str = ""


_problems = msgspec.json.Decoder(_Problem)


def refusal(code: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """The error that an HTTP answer of 300 and above stands for. Raise it; nothing is raised here."""
    words = _words(headers, body)
    said = f": {words}" if words else ""
    if 300 <= code < 400:
        return SourceGarbled(
            f"redirected ({code}): a login page in front of it, or `url` needs another scheme or path prefix"
        )
    if code == 401 and "no org id" in words.lower():
        return SourceRefused(
            'the server wants to know whose data (401: no org id): set headers = { "X-Scope-OrgID" = "…" }'
        )
    if code == 401:
        return SourceRefused(
            f"the server does not take these credentials (401){said}: check bearer_token, or username and password"
        )
    if code == 403:
        return SourceForbidden(f"not allowed (403){said}")
    if code == 404:
        return SourceMissing(
            f"not found (404){said}: no Prometheus API at this URL; is a path prefix missing in `url`?"
        )
    if code in (400, 422):
        return SourceRefused(f"the server does not take the query ({code}){said}")
    if code in (408, 499, 504):
        return SourceTimeout(f"{_named(code)}{said}")
    if code == 503 and "x-prometheus-stopping" in headers:
        stopping = headers["x-prometheus-stopping"].lower() == "true"
        return SourceError(f"the server is {'stopping' if stopping else 'starting'} (503)")
    if code == 503 and _error_type(body) == "timeout":
        return SourceTimeout(f"the query took too long for the server (503){said}")
    wait = headers.get("retry-after", "")
    again = f"; it asks to come back in {wait} s" if wait.isdigit() else ""
    if code == 429 or code >= 500:
        return SourceError(f"{_named(code)}{said}{again}")
    return SourceRefused(f"{_named(code)}{said}")


def breakage(error: Exception, place: str, config: TimeLimits) -> SourceError | None:
    """The error that a failed exchange stands for; None for what is no failure of the wire."""
    # Heavy wire library; by now it is loaded.
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return SourceTimeout(f"no connection to {place} within {config.connect_timeout_s:g} s")
    if isinstance(error, httpx.TimeoutException):
        return SourceTimeout(f"no answer from {place} within {config.read_timeout_s:g} s")
    tls = next((one for one in _chain(error) if isinstance(one, ssl.SSLError)), None)
    if tls is not None:
        advice = "; set ca_file to its CA's certificate" if isinstance(tls, ssl.SSLCertVerificationError) else ""
        why = getattr(tls, "verify_message", None) or tls.reason or "handshake failed"
        return SourceUnreachable(f"no TLS with {place}: {why}{advice}")
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return SourceUnreachable(f"no connection to {place}: {_why(error)}")
    if isinstance(error, httpx.NetworkError):
        return SourceUnreachable(f"the connection to {place} broke: {_why(error)}")
    if isinstance(error, httpx.DecodingError):
        return SourceGarbled(f"{place} sent an answer that cannot be decompressed")
    if isinstance(error, httpx.RemoteProtocolError):
        return SourceGarbled(f"{place} does not speak HTTP, or cut its answer short: {str(error)[:MAX_WORDS]}")
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL | OSError):
        return SourceUnreachable(f"{place} cannot be asked: {type(error).__name__}")
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _why(error: BaseException) -> str:
    """The operating system's word for it, which is deep in the chain."""
    for one in reversed(_chain(error)):
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return str(error) or type(error).__name__


def place(url: SplitResult) -> str:
    """Where it is, without credentials."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.hostname}, port {port}"


def _words(headers: Mapping[str, str], body: bytes) -> str:
    """What an error answer says in words: its JSON `error`, or its plain text; nothing of an HTML page."""
    try:
        return _tidy(_problems.decode(body).error)
    except UNREADABLE:
        pass
    text = body[:_MAX_TEXT_BYTES].decode(errors="replace")
    if "html" in headers.get("content-type", "") or text.lstrip()[:1] in ("<", "{", "["):
        return ""
    return _tidy(text)


def _error_type(body: bytes) -> str:
    try:
        return _problems.decode(body).error_type
    except UNREADABLE:
        return ""


def _named(code: int) -> str:
    try:
        return f"{HTTPStatus(code).phrase} ({code})"
    except ValueError:
        return f"answer {code}"


def _tidy(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()[:MAX_WORDS]
