"""What goes wrong between us and an API server, as sentences of the one error tree."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import TypeVar

from homelab_tui.domain.errors import (
    SourceConflict,
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.kube_objects import status

T = TypeVar("T")
D = TypeVar("D")

_MAX_WORDS = 300


class ListExpired(SourceError):
    """410: what we go on from is older than the server remembers. List again."""


class Ask(Frozen):
    """One request in the words of a message."""

    cluster: str
    verb: str
    """As RBAC says it: get, list, watch, create, patch, delete."""
    resource: str
    """As `jobs.batch` or `pods/log`."""
    what: str
    """What it is about, e.g. `Jobs of namespace backup`."""

    def __str__(self) -> str:
        return f"{self.cluster}: {self.verb} {self.what}"


def understood(ask: Ask, read: Callable[[D], T], data: D) -> T:
    """What `read` makes of an answer; its complaint gets the request in front."""
    try:
        return read(data)
    except SourceGarbled as error:
        raise SourceGarbled(f"{ask}: {error}") from error


def refusal(ask: Ask, code: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """The error that an HTTP answer of 300 and above stands for. Raise it; nothing is raised here."""
    found = status(body)
    if found is not None:
        code = found.code or code
    words = " ".join(((found.message if found else None) or "").split())[:_MAX_WORDS]
    said = f": {words}" if words else ""
    wait = headers.get("retry-after", "") or str(
        (found.details and found.details.retry_after_seconds) or "" if found else ""
    )
    again = f"; it asks to come back in {wait} s" if wait.isdigit() else ""
    if 300 <= code < 400:
        return SourceGarbled(f"{ask}: redirected ({code}): a login page, or not the address of an API server")
    if code == 401:
        return SourceRefused(f"{ask}: the server does not take these credentials (401){said}; renew them")
    if code == 403:
        return SourceForbidden(f"{ask}: not allowed (403){said}{_advice(ask)}", verb=ask.verb, resource=ask.resource)
    if code == 404 and found is None:
        return SourceGarbled(f"{ask}: Not Found (404), and not in the words of a Kubernetes API: another server?")
    if code == 404:
        return SourceMissing(f"{ask}: not there (404){said}")
    if code == 409 and found is not None and found.reason == "AlreadyExists":
        return SourceConflict(f"{ask}: the name is taken (409){said}")
    if code == 409:
        return SourceConflict(f"{ask}: it changed meanwhile (409){said}")
    if code == 410:
        return ListExpired(f"{ask}: the server no longer knows this state (410){said}")
    if code in (408, 504):
        return SourceTimeout(f"{ask}: {_named(code)}{said}{again}")
    if code == 429 or code >= 500:
        stranger = "" if found else ", and not in the words of a Kubernetes API (a proxy in between?)"
        return SourceError(f"{ask}: {_named(code)}{said or stranger}{again}")
    return SourceRefused(f"{ask}: {_named(code)}{said}")


def _named(code: int) -> str:
    try:
        return f"{HTTPStatus(code).phrase} ({code})"
    except ValueError:
        return f"answer {code}"


def _advice(ask: Ask) -> str:
    """What to do about a 403."""
    if ask.verb in ("list", "watch") and "all namespaces" in ask.what:
        return "; set `namespaces` of this cluster to those you may read"
    return f"; ask for the permission: {ask.verb} on {ask.resource}"


def breakage(ask: Ask, error: BaseException, server: str, waited_s: float) -> SourceError:
    """The error that a failed connection stands for."""
    # Heavy wire library; by now it is loaded.
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return SourceTimeout(f"{ask}: no connection to {server} within {waited_s:g} s")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return SourceTimeout(f"{ask}: {server} sent no answer within {waited_s:g} s")
    if (tls := _tls_trouble(error)) is not None:
        return SourceUnreachable(f"{ask}: no TLS with {server}: {_tls_words(tls)}")
    if isinstance(error, httpx.ProxyError):
        return SourceUnreachable(f"{ask}: the proxy does not connect to {server}: {error}")
    if isinstance(error, httpx.ConnectError):
        return SourceUnreachable(f"{ask}: no connection to {server}: {_connect_words(error)}")
    if isinstance(error, httpx.DecodingError):
        return SourceGarbled(f"{ask}: {server} sent an answer that cannot be decompressed")
    if isinstance(error, httpx.LocalProtocolError):
        # Its text repeats the header it dislikes.
        return SourceRefused(f"{ask}: a header of the kubeconfig (token, user or group) is no text for HTTP")
    if isinstance(error, httpx.RemoteProtocolError) and "Server disconnected" not in str(error):
        return SourceGarbled(f"{ask}: {server} does not speak HTTP, or stopped half-way")
    return SourceUnreachable(f"{ask}: {server} broke the connection")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything it came from, groups opened."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions


def _tls_trouble(error: BaseException) -> ssl.SSLError | None:
    """The TLS error behind a failure. "Want read" is none: every TLS read has passed through it."""
    passing = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
    return next((one for one in _chain(error) if isinstance(one, ssl.SSLError) and not isinstance(one, passing)), None)


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); see certificate-authority of the kubeconfig"
    return (error.reason or "the connection was cut").replace("_", " ").lower()


def _connect_words(error: BaseException) -> str:
    """Why there is no connection, in the words of the system: refused, no route, name not known."""
    words = {
        one.strerror for one in _chain(error) if isinstance(one, OSError) and one.strerror and one.errno is not None
    }
    return ", ".join(sorted(word.lower() for word in words)) or "refused or not reachable"
