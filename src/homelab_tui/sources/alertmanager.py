"""An Alertmanager (API v2): which alerts are held back, and silences made and ended."""

import json
from datetime import datetime
from urllib.parse import quote

from homelab_tui.config.model import AlertmanagerConfig, PrometheusConfig
from homelab_tui.domain.alerts import AlertmanagerSnapshot, Matcher
from homelab_tui.domain.errors import SourceGarbled, SourceMissing
from homelab_tui.sources import alertmanager_answers as answers
from homelab_tui.sources.prometheus_http import PrometheusHttp


class AlertmanagerSource:
    """One Alertmanager. Contacts nothing before its first call."""

    def __init__(self, config: AlertmanagerConfig) -> None:
        self._config = config
        # Logins, TLS and error mapping are the same as Prometheus's: both are one project's HTTP.
        self._http = PrometheusHttp(
            PrometheusConfig(
                name=config.name,
                url=config.url,
                headers=config.headers,
                bearer_token=config.bearer_token,
                username=config.username,
                password=config.password,
                ca_file=config.ca_file,
                verify=config.verify,
            ),
            table="alertmanagers",
            refusal=answers.refusal,
        )

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._config.name

    async def check(self) -> str:
        """Version text of the server. Raises: SourceGarbled for an answer that no Alertmanager gives."""
        body = await self._http.get("/api/v2/status")
        try:
            status = json.loads(body)
            version = status["versionInfo"]["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise SourceGarbled(f"{self.name}: /api/v2/status is not the answer of an Alertmanager") from error
        return str(version)

    async def read(self) -> AlertmanagerSnapshot:
        """Alerts about Jobs, and the silences that have not ended."""
        alerts = await self._http.get("/api/v2/alerts")
        silences = await self._http.get("/api/v2/silences")
        try:
            return AlertmanagerSnapshot(self.name, answers.alerts(alerts), answers.silences(self.name, silences))
        except SourceGarbled as error:
            raise SourceGarbled(f"{self.name}: {error}") from error

    async def create_silence(
        self, matchers: tuple[Matcher, ...], *, starts_at: datetime, ends_at: datetime, created_by: str, comment: str
    ) -> str:
        """Make a silence; returns its id. Never sent a second time by itself."""
        body = answers.silence_body(matchers, starts_at, ends_at, created_by, comment)
        answer = await self._http.send("POST", "/api/v2/silences", body)
        try:
            return answers.created(answer)
        except SourceGarbled as error:
            raise SourceGarbled(f"{self.name}: {error}") from error

    async def expire_silence(self, silence_id: str) -> bool:
        """End a silence now. False: it was not there any more."""
        try:
            await self._http.send("DELETE", f"/api/v2/silence/{quote(silence_id, safe='')}", None)
        except SourceMissing:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
