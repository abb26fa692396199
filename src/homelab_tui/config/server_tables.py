"""The tables of servers with an API of their own: clusters, Prometheus, Alertmanager."""

import os
import re
from urllib.parse import urlsplit

from homelab_tui.config.model import AlertmanagerConfig, ClusterConfig, PrometheusConfig
from homelab_tui.config.reader import Table

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def read_cluster(table: Table) -> ClusterConfig | None:
    """`[[clusters]]`."""
    default = ClusterConfig(name="")
    name = table.name("name")
    namespaces = table.strings("namespaces")
    for namespace in namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            table.problem("namespaces", f"{namespace!r} is not the name of a namespace")
    config = ClusterConfig(
        name=name or "",
        kubeconfig=_kubeconfig(table),
        context=table.text("context"),
        namespaces=namespaces,
        connect_timeout_s=table.duration("connect_timeout", default.connect_timeout_s, low=0.1, high=60.0),
        read_timeout_s=table.duration("read_timeout", default.read_timeout_s, low=0.1, high=300.0),
    )
    return None if name is None else config


def _kubeconfig(table: Table) -> str | None:
    """One path or several, joined as KUBECONFIG joins them; each may begin with `~`."""
    text = table.text("kubeconfig")
    if text is None:
        return None
    paths = [table.expanded("kubeconfig", part) for part in text.split(os.pathsep) if part]
    return os.pathsep.join(str(path) for path in paths if path is not None) or None


def read_prometheus(table: Table) -> PrometheusConfig | None:
    """`[[prometheus]]`."""
    default = PrometheusConfig(name="prometheus")
    via = table.text("via", choices=("kubernetes",))
    service = table.text("service")
    url = read_url(table)
    if not table.has("via") and not table.has("url"):
        table.problem("url", 'is missing (or via = "kubernetes" with a service)')
    if via is not None and url is not None:
        table.problem("url", "is given beside via: keep one")
    if via is not None and (service is None or not re.fullmatch(r"[^/\s]+/[^/:\s]+:[^/\s]+", service)):
        table.problem("service", 'must be "namespace/name:port" with via = "kubernetes"')
    if not table.has("via") and service is not None:
        table.problem("service", 'is for via = "kubernetes"')
    _check_login(table)
    return PrometheusConfig(
        name=table.name("name", default.name) or default.name,
        url=url,
        cluster=table.text("cluster"),
        headers=_headers(table),
        bearer_token=table.secret("bearer_token"),
        username=table.text("username"),
        password=table.secret("password"),
        ca_file=table.path_to("ca_file"),
        verify=table.boolean("verify", default.verify),
        via=via,
        service=service,
        connect_timeout_s=table.duration("connect_timeout", default.connect_timeout_s, low=0.1, high=60.0),
        read_timeout_s=table.duration("read_timeout", default.read_timeout_s, low=0.1, high=300.0),
    )


def read_alertmanager(table: Table) -> AlertmanagerConfig | None:
    """`[[alertmanagers]]`."""
    default = AlertmanagerConfig(url="")
    url = read_url(table)
    if url is None and not table.has("url"):
        table.problem("url", "is missing")
    _check_login(table)
    config = AlertmanagerConfig(
        url=url or "",
        name=table.name("name", default.name) or default.name,
        headers=_headers(table),
        bearer_token=table.secret("bearer_token"),
        username=table.text("username"),
        password=table.secret("password"),
        ca_file=table.path_to("ca_file"),
        verify=table.boolean("verify", default.verify),
    )
    return None if url is None else config


def _check_login(table: Table) -> None:
    """A bearer token, or a user with a password; not both, and no half."""
    token, password = table.secret_keys("bearer_token"), table.secret_keys("password")
    if table.has("username") != bool(password):
        table.problem("username", "and password belong together (password_file, _env or _command)")
    if token and password:
        table.problem("username", "and password are given beside a bearer token: keep one of them")


def read_url(table: Table) -> str | None:
    """`url`: an address without credentials in it; None when it is not given or wrong."""
    text = table.text("url")
    if text is None:
        return None
    wrong = _wrong_url(text)
    if wrong:
        table.problem("url", wrong)
    return None if wrong else text


def _wrong_url(text: str) -> str | None:
    """What is wrong, without repeating the text: it may be the password in it."""
    example = 'is not a URL like "http://192.168.10.121:9090"'
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or " " in text:
            return example
    except ValueError:
        return example
    if "@" in parts.netloc:
        return "has a user name or password in it: use username and password_file"
    if parts.query or parts.fragment:
        return "has a ? or # in it: give the address, and the path prefix if there is one"
    return None


def _headers(table: Table) -> tuple[tuple[str, str], ...]:
    headers = table.pairs("headers")
    for name, value in headers:
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not value.isascii():
            table.problem("headers", "is not a header that can be sent", inner=name)
    return headers
