"""Exec credential plugins (client.authentication.k8s.io), run so that nothing of them reaches the terminal."""

import asyncio
import contextlib
import os
import re
import signal
from datetime import datetime, timedelta

import msgspec

from homelab_tui.domain.errors import SourceRefused, SourceTimeout
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.kube_access import ExecPlugin
from homelab_tui.sources.kube_objects import moment

PLUGIN_TIMEOUT_S = 30.0
"""Plugins ask a cloud or an identity provider over the network."""
_MAX_LINE = 200
_SECRET_LIKE = re.compile(r"[A-Za-z0-9+/_\-.=]{32,}|(?i:(?:password|secret|token)\s*[=:]\s*)\S+")


class ExecCredential(Frozen):
    """What a plugin gave."""

    token: Secret | None = None
    certificate_pem: str | None = None
    key: Secret | None = None
    expires_at: datetime | None = None
    """None: good until the server refuses it."""


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str | None = None
    kind: str | None = None
    status: _Status | None = None


async def run_plugin(plugin: ExecPlugin, user: str | None, *, timeout_s: float = PLUGIN_TIMEOUT_S) -> ExecCredential:
    """Run a plugin once: no standard input, no terminal, its own session; killed with its children when it is late.

    Raises: SourceRefused with the plugin's own last line of stderr, sanitized; SourceTimeout.
    """
    name = f"exec plugin {os.path.basename(plugin.command)!r} of user {user!r}"
    if plugin.needs_terminal:
        raise SourceRefused(
            f"{name} wants a terminal (interactiveMode: Always): log in with it outside, or use IfAvailable"
        )
    info: dict[str, object] = {"interactive": False}
    if plugin.cluster_info is not None:
        info["cluster"] = dict(plugin.cluster_info)
    request = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": info}
    environ = {**os.environ, **dict(plugin.env), "KUBERNETES_EXEC_INFO": msgspec.json.encode(request).decode()}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
            # Its own session: it cannot open our terminal to ask for a password, and dies as a whole.
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = (error.strerror or "cannot be run").lower() if isinstance(error, OSError) else "cannot be run"
        raise SourceRefused(f"{name}: {why}{_hint(plugin)}") from error
    try:
        async with asyncio.timeout(timeout_s):
            output, complaint = await process.communicate()
    except TimeoutError as error:
        raise SourceTimeout(f"{name} did not end within {timeout_s:.0f} s") from error
    finally:
        # Late or cancelled: its children go too, also where the plugin itself has ended and they hold its output.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode != 0:
        raise SourceRefused(f"{name} ended with status {process.returncode}{_last_line(complaint)}")
    return _credential(output, plugin, name)


def _credential(output: bytes, plugin: ExecPlugin, name: str) -> ExecCredential:
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # From None: a parser's error may quote what it could not read.
        raise SourceRefused(f"{name} printed something that is not an ExecCredential") from None
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        raise SourceRefused(f"{name} answered {answer.kind} of {answer.api_version}, asked was {plugin.api_version}")
    status = answer.status or _Status()
    certificate, key = status.client_certificate_data, status.client_key_data
    if not status.token and not (certificate and key):
        raise SourceRefused(f"{name} gave neither a token nor a certificate with its key")
    return ExecCredential(
        token=Secret(status.token.strip()) if status.token else None,
        certificate_pem=certificate or None,
        key=Secret(key) if key else None,
        expires_at=moment(status.expiration_timestamp),
    )


def _last_line(complaint: bytes) -> str:
    """The last line of stderr as `: …`, without what may be a secret; empty when there is none."""
    lines = [line.strip() for line in complaint.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return ""
    text = "".join(letter if letter.isprintable() else " " for letter in lines[-1])
    return f": {_SECRET_LIKE.sub('****', text)[:_MAX_LINE]}"


def _hint(plugin: ExecPlugin) -> str:
    line = " ".join((plugin.install_hint or "").split())
    return f" ({line[:_MAX_LINE]})" if line else ""


class PluginCredentials:
    """A plugin's credential, kept until shortly before it expires; asked once even when many requests wait for it."""

    EARLY_S = 60.0
    """How long before its end a credential is renewed; at most half of its life."""

    def __init__(self, plugin: ExecPlugin, user: str | None) -> None:
        self._plugin, self._user = plugin, user
        self._held: ExecCredential | None = None
        self._renew_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def current(self, now: datetime) -> ExecCredential:
        """The credential to use at `now`.

        Raises: SourceError when the plugin does not give one.
        """
        async with self._lock:
            if self._held is None or (self._renew_at is not None and now >= self._renew_at):
                self._held = None
                self._held = await run_plugin(self._plugin, self._user)
                self._renew_at = self._due(self._held, now)
            return self._held

    def forget(self, refused: ExecCredential) -> None:
        """The server refused this one: the next `current` asks the plugin, unless that has happened already."""
        if self._held is refused:
            self._held = None

    def _due(self, held: ExecCredential, now: datetime) -> datetime | None:
        if held.expires_at is None:
            return None
        life_s = max(0.0, (held.expires_at - now).total_seconds())
        return held.expires_at - timedelta(seconds=min(self.EARLY_S, life_s / 2))
