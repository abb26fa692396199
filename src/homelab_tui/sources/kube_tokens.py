"""The Authorization header: a token, a token file that others renew, or a name and password."""

import base64
import time

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.kube_access import ClusterAccess

REREAD_S = 60.0
"""A token file is read again after this time even if its date did not change (mounted ones are swapped links)."""


class Bearer:
    """Makes the header for each request, so that a renewed token counts from the next one on."""

    def __init__(self, access: ClusterAccess) -> None:
        self._access = access
        self._from_file: Secret | None = None
        self._modified: int | None = None
        self._read_at: float | None = None

    def header(self, plugin_token: Secret | None) -> dict[str, str]:
        """`{"Authorization": …}`, or nothing for a client certificate or an anonymous user.

        Raises: SourceRefused for a token that no header can carry; its text is not told.
        """
        token = self._file_token() or self._access.token or plugin_token
        if token is not None:
            text = token.reveal()
            # h11 would refuse it too, and repeat it in its error.
            if not text.isascii() or not text.isprintable() or " " in text:
                raise SourceRefused(
                    f"{self._access.origin}: the token of user {self._access.user!r} is no bearer token"
                )
            return {"Authorization": f"Bearer {text}"}
        if self._access.username is not None:
            password = self._access.password.reveal() if self._access.password else ""
            pair = base64.b64encode(f"{self._access.username}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def reread(self) -> bool:
        """Read the token file again now; whether it has another token than before."""
        before = self._from_file
        self._read_at = None
        return self._access.token_file is not None and self._file_token() != before

    def _file_token(self) -> Secret | None:
        """What the file holds now; while it cannot be read, what it held last."""
        path = self._access.token_file
        if path is None:
            return None
        try:
            modified = path.stat().st_mtime_ns
            due = self._read_at is None or time.monotonic() - self._read_at >= REREAD_S
            if due or modified != self._modified:
                text = path.read_text("ascii", errors="replace").strip()
                self._modified, self._read_at = modified, time.monotonic()
                self._from_file = Secret(text) if text else self._from_file
        except OSError as error:
            if self._from_file is None and self._access.token is None:
                why = (error.strerror or "unreadable").lower()
                raise SourceRefused(f"{self._access.origin}: token file {path}: {why}") from error
        return self._from_file
