"""kubeconfig files → how to reach one cluster, and as whom. Nothing here contacts anything.

The official package reads them too, but what it does with them is not for us: temporary files for inline keys, exec
plugins on our terminal, errors that carry a user's token, the last file's current context; and its import costs 0.3 s
and 40 MB. That both find the same entries is tested.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.sources.kube_access import EXEC_API, ClusterAccess, ExecPlugin

Entry = Mapping[str, object]
DEFAULT_KUBECONFIG = "~/.kube/config"
EXEC_EXTENSION = "client.authentication.k8s.io/exec"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_KINDS = ("clusters", "contexts", "users")


def resolve(
    config: ClusterConfig, environ: Mapping[str, str] = os.environ, service_account: Path | None = None
) -> ClusterAccess:
    """The access that a cluster's configuration means: its files, else KUBECONFIG, ~/.kube/config, in-cluster.

    Blocking. `service_account`: the directory of the mounted token, for tests.
    Raises: SourceError that names the file and the context.
    """
    wanted = config.kubeconfig or environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    paths = tuple(Path(os.path.expanduser(part)) for part in wanted.split(os.pathsep) if part)
    if any(path.exists() for path in paths):
        return _Merged(paths).access(config.context)
    inside = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    mount = service_account or SERVICE_ACCOUNT
    if not config.kubeconfig and all(inside) and (mount / "token").exists():
        return _in_cluster(str(inside[0]), str(inside[1]), mount / "token", mount / "ca.crt")
    named = ", ".join(str(path) for path in paths)
    where = "" if config.kubeconfig else " (KUBECONFIG)" if environ.get("KUBECONFIG") else " (the default)"
    raise SourceError(f"no kubeconfig at {named}{where}: set `kubeconfig` of cluster {config.name!r}")


def _in_cluster(host: str, port: str, token_file: Path, ca_file: Path) -> ClusterAccess:
    address = f"[{host}]" if ":" in host else host
    return ClusterAccess(
        server=f"https://{address}:{port}",
        origin="the service account of this Pod",
        user="service account",
        ca_pem=_read(ca_file, "the service account"),
        token_file=token_file,
        files=(ca_file,),
    )


class _Merged:
    """Several kubeconfig files as one, as kubectl merges them: of every name, and of current-context, the first counts.

    With each entry its own file is kept, for its relative paths.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._named = os.pathsep.join(str(path) for path in paths)
        self._current: str | None = None
        self._found: dict[str, dict[str, tuple[Entry, Path]]] = {kind: {} for kind in _KINDS}
        for path in paths:
            if path.exists():
                self._add(path, _document(path))

    def _add(self, path: Path, document: Entry) -> None:
        current = document.get("current-context")
        if self._current is None and current:
            self._current = str(current)
        for kind, found in self._found.items():
            entries = document.get(kind) or ()
            if not isinstance(entries, (list, tuple)) or not all(isinstance(entry, dict) for entry in entries):
                _refuse(path, "not a kubeconfig (clusters, contexts and users are lists of named entries)")
            for entry in entries:
                if entry.get("name"):
                    found.setdefault(str(entry["name"]), (entry, path))

    def access(self, context: str | None) -> ClusterAccess:
        """The access of one context; None: the current one."""
        name = context or self._current
        names = self._found["contexts"]
        there = f"the contexts there are: {', '.join(names) or 'none'}"
        if name is None:
            raise SourceError(f"kubeconfig {self._named} has no current-context: set `context`; {there}")
        if name not in names:
            raise SourceError(f"kubeconfig {self._named} has no context {name!r}; {there}")
        chosen, file = self._find("contexts", "context", name)
        origin = f"context {name!r} of {file}"
        cluster_name, user_name = _text(chosen, "cluster", origin), _text(chosen, "user", origin)
        if not cluster_name:
            raise SourceError(f"{origin} names no cluster")
        cluster = _Section(*self._find("clusters", "cluster", cluster_name, origin), origin)
        user = _Section(*self._find("users", "user", user_name, origin), origin) if user_name else None
        return replace(_access(cluster, user, user_name, origin), context=name)

    def _find(self, kind: str, inner: str, name: str, origin: str | None = None) -> tuple[Entry, Path]:
        if name not in self._found[kind]:
            raise SourceError(f"{origin} names {inner} {name!r}, which is in none of {self._named}")
        entry, file = self._found[kind][name]
        section = entry.get(inner)
        return (section if isinstance(section, dict) else {}), file


def _document(path: Path) -> Entry:
    """What a file says; of an empty one nothing, as kubectl takes it. Raises: SourceError."""
    import yaml  # not for whoever has no cluster

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(path.read_bytes(), loader)  # noqa: S506 - both are the safe one
    except OSError as error:
        raise SourceError(f"kubeconfig {path}: {(error.strerror or 'unreadable').lower()}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        _refuse(path, f"not YAML{f' at line {mark.line + 1}' if mark else ''}: {error.problem or 'broken'}")
    except (yaml.YAMLError, ValueError, RecursionError):
        _refuse(path, "not YAML: it cannot be read")
    if document is not None and not isinstance(document, dict):
        _refuse(path, "not a kubeconfig (it is no table of clusters, contexts and users)")
    return document or {}


def _refuse(path: Path, trouble: str) -> NoReturn:
    """From None: a YAML parser puts the file's own lines, tokens too, into its messages."""
    raise SourceError(f"kubeconfig {path}: {trouble}") from None


class _Section(Frozen):
    """The cluster or user of a context, and the file whose directory its relative paths start from."""

    values: Entry
    file: Path
    origin: str

    def text(self, key: str) -> str | None:
        """A text value; None when absent or empty."""
        return _text(self.values, key, self.origin)

    def path(self, key: str) -> Path | None:
        """A path value, absolute."""
        text = self.text(key)
        return None if text is None else self.absolute(text)

    def absolute(self, text: str) -> Path:
        """A path as it is meant in this file."""
        return self.file.absolute().parent / os.path.expanduser(text)

    def data(self, key: str) -> str | None:
        """PEM text of `<key>-data`, else of the file that `<key>` names."""
        inline = self.text(f"{key}-data")
        if inline is not None:
            try:
                return base64.b64decode(inline, validate=False).decode("ascii")
            except (binascii.Error, ValueError):
                raise SourceError(f"{self.origin}: {key}-data is not base64 of a PEM text") from None
        path = self.path(key)
        return None if path is None else _read(path, f"{self.origin}: {key}")


def _access(cluster: _Section, user: _Section | None, user_name: str | None, origin: str) -> ClusterAccess:
    server = _server(cluster.text("server"), origin)
    verify = cluster.values.get("insecure-skip-tls-verify") is not True
    ca_pem = cluster.data("certificate-authority") if verify else None
    files = [cluster.file, cluster.path("certificate-authority")]
    access = ClusterAccess(
        server=server,
        origin=origin,
        user=user_name,
        verify=verify,
        server_name=cluster.text("tls-server-name"),
        ca_pem=ca_pem,
        proxy_url=cluster.text("proxy-url"),
        files=tuple(file for file in files if file),
    )
    return access if user is None else _with_user(access, cluster, user)


def _with_user(access: ClusterAccess, cluster: _Section, user: _Section) -> ClusterAccess:
    """The access with a user's credentials.

    Raises: SourceError for the legacy auth-providers, that kubectl itself gave up in 1.26.
    """
    legacy = user.values.get("auth-provider")
    if isinstance(legacy, dict):
        name = _text(legacy, "name", access.origin)
        raise SourceError(
            f"{access.origin}: user {access.user!r} has the legacy auth-provider {name!r}, which Kubernetes removed; "
            "use its exec plugin (kubelogin, gke-gcloud-auth-plugin, …)"
        )
    key, token, password = user.data("client-key"), user.text("token"), user.text("password")
    certificate = user.data("client-certificate")
    if (certificate is None) is not (key is None):
        absent = "client-certificate" if certificate is None else "client-key"
        raise SourceError(f"{access.origin}: user {access.user!r} lacks {absent} beside its other half")
    files = (*access.files, user.file, user.path("client-certificate"), user.path("client-key"))
    plugin = user.values.get("exec")
    return replace(
        access,
        certificate_pem=certificate,
        key=Secret(key) if key else None,
        token=Secret(token.strip()) if token else None,
        token_file=user.path("tokenFile"),
        username=user.text("username"),
        password=Secret(password) if password else None,
        exec_plugin=_exec_plugin(plugin, access, cluster, user) if isinstance(plugin, dict) else None,
        headers=_impersonation(user),
        files=tuple(dict.fromkeys(file for file in files if file)),
    )


def _server(text: str | None, origin: str) -> str:
    try:
        url = urlsplit(text or "")
        usable = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        usable = False
    if not text or not usable:
        raise SourceError(f"{origin}: server is not an http(s) URL: {text!r}")
    return text.rstrip("/")


def _exec_plugin(entry: Entry, access: ClusterAccess, cluster: _Section, user: _Section) -> ExecPlugin:
    origin = access.origin
    command = _text(entry, "command", origin)
    if command is None:
        raise SourceError(f"{origin}: exec of user {access.user!r} has no command")
    args, env = entry.get("args"), entry.get("env")
    pairs = [one for one in env if isinstance(one, dict) and one.get("name")] if isinstance(env, list) else []
    return ExecPlugin(
        # A bare name is looked up in PATH; anything with a slash starts from the kubeconfig's directory.
        command=str(user.absolute(command)) if "/" in command else command,
        args=tuple(str(arg) for arg in args) if isinstance(args, list) else (),
        env=tuple((str(one["name"]), str(one.get("value") or "")) for one in pairs),
        api_version=_text(entry, "apiVersion", origin) or EXEC_API,
        needs_terminal=_text(entry, "interactiveMode", origin) == "Always",
        cluster_info=_cluster_info(access, cluster) if entry.get("provideClusterInfo") is True else None,
        install_hint=_text(entry, "installHint", origin),
    )


def _cluster_info(access: ClusterAccess, cluster: _Section) -> Mapping[str, object]:
    """`spec.cluster` of the ExecCredential that a plugin is given."""
    info: dict[str, object] = {"server": access.server, "insecure-skip-tls-verify": not access.verify}
    if access.ca_pem:
        info["certificate-authority-data"] = base64.b64encode(access.ca_pem.encode()).decode()
    if access.server_name:
        info["tls-server-name"] = access.server_name
    if access.proxy_url:
        info["proxy-url"] = access.proxy_url
    extensions = cluster.values.get("extensions")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("name") == EXEC_EXTENSION:
            info["config"] = one.get("extension")
    return info


def _impersonation(user: _Section) -> tuple[tuple[str, str], ...]:
    headers = [
        (header, text) for header, key in (("User", "as"), ("Uid", "as-uid")) if (text := user.text(key)) is not None
    ]
    groups, extra = user.values.get("as-groups"), user.values.get("as-user-extra")
    headers += [("Group", str(group)) for group in (groups if isinstance(groups, list) else ())]
    for key, values in extra.items() if isinstance(extra, dict) else ():
        name = f"Extra-{quote(str(key), safe='')}"
        headers += [(name, str(value)) for value in (values if isinstance(values, list) else ())]
    return tuple((f"Impersonate-{name}", value) for name, value in headers)


def _text(values: Entry, key: str, origin: str) -> str | None:
    value = values.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise SourceError(f"{origin}: {key} is not a text (quote it)")
    return value


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError as error:
        raise SourceError(f"{what}: {path}: {(error.strerror or 'unreadable').lower()}") from error
