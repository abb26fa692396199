"""News to somebody else's server: a webhook that takes JSON, or an ntfy topic."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from homelab_tui.domain.errors import SourceError, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.secrets import Secret

_CONNECT_S = 3.0
_READ_S = 5.0
_PRIORITIES = {"critical": "urgent", "warning": "high", "notice": "default"}


class Webhook:
    """One place that news is sent to. The path of such an address often is its password: it is never told."""

    def __init__(self, url: Secret, *, as_ntfy: bool = False) -> None:
        """Raises: ValueError for what is no http(s) address; it names the server at most."""
        self._url = url
        self._as_ntfy = as_ntfy
        parts = urlsplit(url.reveal())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("wants an http:// or https:// address")
        # A proxy from the environment is no way to this machine itself.
        self._trust_env = parts.hostname not in ("localhost", "127.0.0.1", "::1")
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    async def send(self, title: str, severity: str, text: str, document: Mapping[str, object]) -> None:
        """Raises: SourceTimeout, SourceUnreachable, SourceRefused (a status of 300 and above; redirects are no
        delivery, and are not followed with what we have to say).
        """
        import httpx  # a wire library: in its first call

        from homelab_tui.sources.http_wire import closing

        if self._as_ntfy:
            headers = {"Title": _ascii(title), "Priority": _PRIORITIES.get(severity, "default"), "Tags": "homelab"}
            body = text.encode()
        else:
            headers = {"Content-Type": "application/json"}
            body = json.dumps({"title": title, "severity": severity, "text": text, **document}).encode()
        limits = httpx.Timeout(_READ_S, connect=_CONNECT_S)
        try:
            async with closing(httpx.AsyncClient(timeout=limits, trust_env=self._trust_env)) as client:
                answer = await client.post(self._url.reveal(), content=body, headers=headers)
        except httpx.TimeoutException:
            # `from None`: the library's own words have the whole address in them.
            raise SourceTimeout(f"{self.name}: no answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceUnreachable(f"{self.name}: not reached ({type(error).__name__})") from None
        if answer.status_code >= 300:
            raise _refusal(self.name, answer.status_code)


def _refusal(name: str, status: int) -> SourceError:
    return SourceRefused(f"{name} answered {status}: the news was not taken")


def _ascii(text: str) -> str:
    """A header's value: one line of ASCII."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:200]
