"""`homelab init`: a first configuration from what is there."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.cli.output import Exit, print_json, tell
from homelab_tui.config.load import config_path, parse_config
from homelab_tui.config.writer import config_text, usable
from homelab_tui.domain.drafts import Draft, Found, merge
from homelab_tui.domain.errors import UsageError
from homelab_tui.present.documents import Document

HOSTS = "/etc/hosts"
SSH_CONFIG = "~/.ssh/config"
KUBECONFIG = "~/.kube/config"


def run(options: argparse.Namespace) -> int:
    """`homelab init`: exit 2, and nothing written, when a file cannot be read or the output exists already."""
    to_stdout = options.output == "-"
    if to_stdout and options.json:
        raise UsageError("--output - and --json both want stdout: give one of them")
    target = Path(options.output).expanduser() if options.output else config_path(options.config)
    if not to_stdout and not options.force and os.path.lexists(target):
        raise UsageError(f"{target} is there already: --force overwrites it, --output F writes elsewhere")
    founds = _read(options)
    draft = usable(merge(founds))
    for line in [*map(_summary, founds), *draft.notes]:
        tell(f"homelab: {line}")
    if not (draft.nodes or draft.clusters):
        read = ", ".join(found.file for found in founds) or f"{SSH_CONFIG}, {KUBECONFIG}, {HOSTS}"
        raise UsageError(
            f"no node and no cluster in {read}: nothing was written. `homelab init --help` lists what is read"
        )
    head = f"Written by `homelab init` on {datetime.now(UTC):%Y-%m-%d} from:"
    text = config_text(draft, map(_summary, founds), head)
    parse_config(text, target)
    if to_stdout:
        sys.stdout.write(text)
    else:
        write_file(target, text, overwrite=options.force)
        tell(f"homelab: {target} is written; next: homelab check")
    if options.json:
        print_json(_document(target, founds, draft))
    return int(Exit.DONE)


def _read(options: argparse.Namespace) -> list[Found]:
    """What the options name, the most trusted first; without any, what is in the usual places."""
    # PyYAML and ssh are asked only here.
    from homelab_tui.sources.hosts_files import read_hosts
    from homelab_tui.sources.inventories import read_inventory
    from homelab_tui.sources.kube_contexts import read_contexts
    from homelab_tui.sources.ssh_configs import read_ssh_config

    named: list[tuple[str | None, Callable[[Path], Found]]] = [
        (options.from_kubespray, read_inventory),
        (options.from_ssh_config, read_ssh_config),
        (options.from_hosts, read_hosts),
    ]
    named += [(file, read_contexts) for file in (options.kubeconfig or "").split(os.pathsep)]
    given = [(Path(file).expanduser(), read) for file, read in named if file]
    if given:
        founds = [read(path) for path, read in given]
        for found in founds:
            if not (found.nodes or found.clusters or found.bastion):
                raise UsageError(f"{found.file}: no host and no cluster in it")
        return founds
    usual: list[tuple[str, Callable[[Path], Found]]] = [(SSH_CONFIG, read_ssh_config), (HOSTS, read_hosts)]
    usual += [(f, read_contexts) for f in (os.environ.get("KUBECONFIG") or KUBECONFIG).split(os.pathsep) if f]
    there = [(Path(file).expanduser(), read) for file, read in usual]
    founds = [read(path) for path, read in there if path.is_file()]
    return [found for found in founds if found.nodes or found.clusters]


def _summary(found: Found) -> str:
    """`hosts file /etc/hosts: 3 nodes`."""
    counts = [(len(found.nodes), "node"), (len(found.clusters), "cluster"), (int(found.bastion is not None), "bastion")]
    parts = [f"{number} {word}{'s' if number != 1 else ''}" for number, word in counts if number]
    return f"{found.kind} {found.file}: {', '.join(parts)}"


def write_file(target: Path, text: str, *, overwrite: bool) -> None:
    """All of it or nothing, readable by its owner alone. Raises UsageError that names the file."""
    place = Path(os.path.realpath(target))  # a symbolic link stays one
    temporary = None
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {place.parent} is no directory, and cannot be made one"
        ) from error
    try:
        descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=".homelab-")  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        if overwrite:
            os.replace(temporary, place)
        else:
            _link(temporary, place)
    except FileExistsError as error:
        raise UsageError(f"{target} is there already: --force overwrites it") from error
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _link(temporary: str, place: Path) -> None:
    """Unlike a rename, a link never replaces a file that came meanwhile; not every file system has them."""
    try:
        os.link(temporary, place)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(place):
            raise
        os.rename(temporary, place)


def _document(target: Path, founds: list[Found], draft: Draft) -> Document:
    return {
        "path": str(target),
        "sources": [
            {"kind": found.kind, "file": found.file, "nodes": len(found.nodes), "clusters": len(found.clusters)}
            for found in founds
        ],
        "nodes": [node.name for node in draft.nodes],
        "clusters": [cluster.name for cluster in draft.clusters],
        "notes": list(draft.notes),
    }
