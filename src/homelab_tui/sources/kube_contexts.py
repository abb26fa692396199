"""The clusters of a kubeconfig, for a first configuration. Credentials are not looked at."""

import re
from collections.abc import Mapping
from pathlib import Path

from homelab_tui.domain.drafts import Found, FoundCluster
from homelab_tui.domain.errors import ConfigError, ConfigProblem
from homelab_tui.sources.text_files import read_text

KIND = "kubeconfig"


def read_contexts(path: Path) -> Found:
    """One cluster for each that a context leads to: by the current context, else by its first.

    Raises: ConfigError that names the file, never its content.
    """
    # Heavy, and only an import of a kubeconfig needs it.
    from yaml import MarkedYAMLError, YAMLError, safe_load

    line = None
    try:
        document: object = safe_load(read_text(path))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        # From None: the parser's own message quotes the file, tokens too.
        raise _refused(path, line, f"YAML syntax: {error.problem or 'broken'}") from None
    except (YAMLError, ValueError, RecursionError):
        raise _refused(path, line, "YAML syntax: cannot be read") from None
    contexts = document.get("contexts") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(contexts, list | None):
        raise _refused(path, line, "is not a kubeconfig: it has no list of contexts")
    ways: dict[str, list[str]] = {}
    for entry in contexts or ():
        inner = entry.get("context") if isinstance(entry, Mapping) else None
        if isinstance(inner, Mapping) and isinstance(entry.get("name"), str) and isinstance(inner.get("cluster"), str):
            ways.setdefault(inner["cluster"], []).append(entry["name"])
    current = document.get("current-context")
    clusters: list[FoundCluster] = []
    for cluster, names in ways.items():
        chosen = current if isinstance(current, str) and current in names else names[0]
        name = _plain(cluster, {found.name for found in clusters})
        others = tuple(other for other in names if other != chosen)
        clusters.append(FoundCluster(name, str(path), str(path.absolute()), chosen, others))
    return Found(KIND, str(path), clusters=tuple(clusters))


def _refused(path: Path, line: int | None, message: str) -> ConfigError:
    return ConfigError((ConfigProblem(str(path), line, "", message),))


def _plain(name: str, taken: set[str]) -> str:
    """A name that can be typed: what cannot stand in one becomes a dash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") or "cluster"
    numbered = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)
