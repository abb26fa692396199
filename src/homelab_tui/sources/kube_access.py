"""How to reach one Kubernetes API server, and as whom: what a kubeconfig comes down to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from homelab_tui.domain.secrets import Secret

EXEC_API = "client.authentication.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """An exec credential plugin, as the kubeconfig declares it."""

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    api_version: str = EXEC_API
    needs_terminal: bool = False
    """interactiveMode: Always."""
    cluster_info: Mapping[str, object] | None = field(default=None, repr=False)
    """With provideClusterInfo: what the plugin is told of the cluster."""
    install_hint: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """How to reach one cluster's API server. Secrets are in no repr."""

    server: str
    """Base URL, without a slash at its end."""
    origin: str
    """Where this comes from, for messages: `context 'lab' of /home/me/.kube/config`."""
    context: str | None = None
    """Name of the kubeconfig's context; None inside a cluster."""
    user: str | None = None
    """Name of the kubeconfig user; None: anonymous."""
    verify: bool = True
    server_name: str | None = None
    """tls-server-name: the name the server's certificate has to bear, where it is not the host of `server`."""
    ca_pem: str | None = field(default=None, repr=False)
    """The only authority to trust; None: the system's."""
    proxy_url: str | None = field(default=None, repr=False)
    certificate_pem: str | None = field(default=None, repr=False)
    key: Secret | None = None
    token: Secret | None = None
    token_file: Path | None = None
    username: str | None = None
    password: Secret | None = None
    exec_plugin: ExecPlugin | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Impersonation."""
    files: tuple[Path, ...] = ()
    """Files this was read from: when one of them changes, the access is resolved anew."""
