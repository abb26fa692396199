"""Loading the configuration file: every problem at once, each with file, line and key."""

import os
import re
import stat
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from homelab_tui.config.model import Config
from homelab_tui.config.reader import Problems, Table
from homelab_tui.config.references import check_clusters, check_macs, check_names, check_ports, check_scraped
from homelab_tui.config.server_tables import read_alertmanager, read_cluster, read_prometheus
from homelab_tui.config.switch_tables import read_switch
from homelab_tui.config.tables import read_keys, read_node, read_safety, read_ssh, read_ui
from homelab_tui.domain.errors import ConfigError, ConfigProblem
from homelab_tui.domain.values import replace

T = TypeVar("T")
NO_CONFIG = "no configuration: `homelab init` writes a first one, `homelab demo` shows an embedded lab without any"
LARGEST_BYTES = 16_000_000
"""A larger file is no configuration, and `/dev/zero` has no end."""


def default_path() -> Path:
    """`$XDG_CONFIG_HOME/homelab/config.toml`."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return _expanded(base) / "homelab" / "config.toml"


def config_path(given: str | None) -> Path:
    """`--config`, else HOMELAB_CONFIG, else the default place; whether there is a file is not looked at."""
    named = given or os.environ.get("HOMELAB_CONFIG")
    return _expanded(named) if named else default_path()


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name: there is no such user, or this one has no home
        return Path(text)


def load_config(given: str | None = None) -> Config:
    """The configuration, checked. Raises ConfigError with every problem; nothing is contacted."""
    path = config_path(given)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        named = bool(given or os.environ.get("HOMELAB_CONFIG"))
        raise _refused(path, None, "there is no such file" if named else NO_CONFIG) from error
    except OSError as error:
        raise _refused(path, None, f"cannot be read: {error.strerror}") from error
    if len(data) > LARGEST_BYTES:
        raise _refused(path, None, f"is larger than {LARGEST_BYTES // 10**6} MB: is this the right file?")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(path, data[: error.start].count(b"\n") + 1, "is not UTF-8 text") from error
    return parse_config(text, path)


def _refused(path: Path, line: int | None, message: str) -> ConfigError:
    return ConfigError((ConfigProblem(str(path), line, "", message),))


def parse_config(text: str, path: Path) -> Config:
    """The configuration in a text. A syntax error is reported alone, all other problems together.

    Raises: ConfigError, and nothing else whatever the text.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(text, path, error) from error
    except RecursionError as error:
        raise _refused(path, None, "is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise _refused(path, None, "has a number that is too long") from error
    problems = Problems(path, text)
    config, tables = _read(Table(values, (), problems), path, problems)
    for table in tables:
        table.finish()
    if problems.found:
        raise ConfigError(tuple(sorted(problems.found, key=lambda problem: (problem.line or 0, problem.key))))
    inline = [place for table in tables for place in table.inline_secrets]
    return replace(config, warnings=(*_exposed(path, inline), *_unknown_clusters(config)))


def _read(root: Table, path: Path, problems: Problems) -> tuple[Config, list[Table]]:
    """The typed model, checked as a whole, and every table that was looked at."""
    tables = [root]

    def each(key: str, read: Callable[[Table], T | None]) -> list[tuple[int, T]]:
        found = root.tables(key)
        tables.extend(found)
        return [(number, value) for number, table in enumerate(found) if (value := read(table)) is not None]

    def one(key: str, read: Callable[[Table], T]) -> T:
        tables.append(root.table(key))
        return read(tables[-1])

    nodes, switches, clusters = each("nodes", read_node), each("switches", read_switch), each("clusters", read_cluster)
    prometheus, alertmanagers = each("prometheus", read_prometheus), each("alertmanagers", read_alertmanager)
    config = Config(
        path=path,
        nodes=tuple(node for _, node in nodes),
        switches=tuple(switch for _, switch in switches),
        clusters=tuple(cluster for _, cluster in clusters),
        prometheus=tuple(server for _, server in prometheus),
        alertmanagers=tuple(server for _, server in alertmanagers),
        ssh=one("ssh", read_ssh),
        keys=one("keys", read_keys),
        ui=one("ui", read_ui),
        safety=one("safety", read_safety),
    )
    check_names("nodes", [(number, node.name) for number, node in nodes], problems)
    check_names("switches", [(number, switch.name) for number, switch in switches], problems)
    check_names("clusters", [(number, cluster.name) for number, cluster in clusters], problems)
    check_names("prometheus", [(number, server.name) for number, server in prometheus], problems)
    check_names("alertmanagers", [(number, server.name) for number, server in alertmanagers], problems)
    check_ports(nodes, [switch.name for switch in config.switches], problems)
    check_macs(nodes, problems)
    check_scraped(switches, [server.name for server in config.prometheus], problems)
    check_clusters(prometheus, [cluster.name for cluster in config.clusters], problems)
    return config, tables


def _syntax_error(text: str, path: Path, error: tomllib.TOMLDecodeError) -> ConfigError:
    message, _, place = str(error).rpartition(" (at ")
    line = re.match(r"line ([0-9]+)", place)
    # "at end of document": the last line that holds something.
    number = int(line[1]) if line else text.rstrip().count("\n") + 1
    return _refused(path, number, f"TOML syntax: {message}")


def _exposed(path: Path, inline: Sequence[str]) -> tuple[str, ...]:
    """A warning when others can read a file with secrets in it."""
    try:
        readable = path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError:
        return ()
    if not inline or not readable:
        return ()
    return (
        f"{path} can be read by others and holds {', '.join(inline)}: chmod 600 it, or use _file, _env or _command",
    )


def _unknown_clusters(config: Config) -> tuple[str, ...]:
    """A warning for each Prometheus that speaks of a cluster which no [[clusters]] names: often a slip of the pen."""
    known = [cluster.name for cluster in config.clusters]
    return tuple(
        f"{config.path}: prometheus {server.name}: no [[clusters]] is called {server.cluster!r} "
        f"({', '.join(known)}): its Jobs can be shown and not deleted"
        for server in config.prometheus
        if known and server.cluster is not None and server.cluster not in known
    )
