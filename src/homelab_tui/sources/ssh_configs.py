"""The hosts of an OpenSSH client configuration, for a first configuration.

Names come from our own reading, which knows Include; what they mean comes from `ssh -G` when there is a client. A file
with `Match exec` is never given to it: asking would run that command.
"""

import fnmatch
import glob
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homelab_tui.domain.drafts import Found, FoundNode, Given
from homelab_tui.domain.errors import ConfigError, ConfigProblem
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.text_files import read_text

KIND = "ssh configuration"
USUAL = "~/.ssh/config"
_DEEPEST = 16
"""ssh's own limit of Includes in Includes."""
_TIMEOUT_S = 5.0
_AT_ONCE = 8
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*")
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_WAY = (
    "proxyjump",
    "proxycommand",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "certificatefile",
    "hostkeyalias",
    "userknownhostsfile",
)
"""Options that only the alias leads to: a node that has one of them is reached by its alias."""
Options = Mapping[str, tuple[str, ...]]


class _Line(Frozen):
    """One setting, under the Host patterns it stands in."""

    origin: str
    patterns: tuple[str, ...]
    """`("*",)` for what stands before any Host; empty: under a Match, which is not judged here."""
    key: str
    words: tuple[str, ...]


def read_ssh_config(path: Path) -> Found:
    """Every host that is named without a wildcard. Raises: ConfigError with file and line."""
    # Where ssh looks for what an Include names without a directory, wherever the file itself is.
    lines = list(_lines(path, ("*",), 0, Path("~/.ssh").expanduser()))
    named = _named(lines)
    runs_commands = any(line.key == "match" and {"exec", "!exec"} & set(map(str.lower, line.words)) for line in lines)
    ask = None if runs_commands else shutil.which("ssh")
    notes = []
    if runs_commands:
        notes.append(f"{path}: has a `Match exec`, which is not run here: what it decides is left out")
    names = list(named)
    if ask:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            # The last name is nobody's: its answer tells what is a default.
            *answers, usual = pool.map(lambda name: _asked(ask, path, name), [*names, "homelab-no-such-host"])
    else:
        answers, usual = [_own(lines, name) for name in names], _own(lines, "homelab-no-such-host")
    nodes: dict[tuple[str, str], FoundNode] = {}
    for name, answer in zip(names, answers, strict=True):
        says_user = "user" in _own(lines, name) or answer.get("user") != usual.get("user")
        node = _node(name, named[name], answer, usual, says_user=says_user)
        if answer.get("user") == ("git",):
            notes.append(f"{named[name]}: {name} is left out: its user is git")
            continue
        place = (node.address or name, node.port.value or "22" if node.port else "22")
        if place in nodes:
            notes.append(f"{named[name]}: {name} is left out: it leads to the same place as {nodes[place].name}")
        else:
            nodes[place] = node
    is_usual = path.absolute() == Path(USUAL).expanduser().absolute()
    is_needed = not is_usual and any(line.key in _WAY for line in lines)
    config = str(path.absolute()) if is_needed else None
    return Found(KIND, str(path), nodes=tuple(nodes.values()), ssh_config=config, notes=tuple(notes))


def _lines(path: Path, patterns: tuple[str, ...], depth: int, home: Path) -> Iterator[_Line]:
    """All settings in their order, Includes in their place."""
    for number, raw in enumerate(read_text(path).split("\n"), start=1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(raw)
        words = tuple(quoted or bare for quoted, bare in _WORD.findall(match[2])) if match else ()
        if match is None or not words:
            raise _refused(path, number, "is not a setting: write Keyword value")
        key = match[1].lower()
        if key == "host":
            patterns = words
        elif key == "match":
            patterns = ("*",) if [word.lower() for word in words] == ["all"] else ()
        if key != "include":
            yield _Line(f"{path}:{number}", patterns, key, words)
            continue
        if depth >= _DEEPEST:
            raise _refused(path, number, "too many Includes in Includes")
        for word in words:
            place = home / Path(word).expanduser() if not word.startswith("~") else Path(word).expanduser()
            for found in sorted(glob.glob(str(place))):
                # A Host in the included file ends with that file.
                yield from _lines(Path(found), patterns, depth + 1, home)


def _refused(path: Path, line: int | None, message: str) -> ConfigError:
    return ConfigError((ConfigProblem(str(path), line, "", message),))


def _named(lines: list[_Line]) -> dict[str, str]:
    """Each host that is named outright, and where."""
    found: dict[str, str] = {}
    for line in lines:
        if line.key == "host":
            for word in line.words:
                if not re.search(r"[*?!]", word) and not word.startswith("-"):
                    found.setdefault(word, line.origin)
    return found


def _own(lines: list[_Line], name: str) -> Options:
    """What our own reading says of a host: the first value of each option counts; files add up."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if line.key in ("host", "match") or not _fits(line.patterns, name):
            continue
        if line.key == "identityfile":
            found[line.key] = (*found.get(line.key, ()), *line.words)
        else:
            found.setdefault(line.key, line.words)
    host = found.get("hostname", (name,))[0].replace("%h", name)
    return {**found, "hostname": (host,)}


def _fits(patterns: tuple[str, ...], name: str) -> bool:
    refused = any(fnmatch.fnmatchcase(name, pattern[1:]) for pattern in patterns if pattern.startswith("!"))
    return not refused and any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _asked(program: str, path: Path, name: str) -> Options:
    """What ssh itself says of a host."""
    command = [program, "-G", "-F", str(path), "--", name]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refused(path, None, f"`ssh -G {name}` gave no answer") from error
    if done.returncode != 0:
        why = next(iter(done.stderr.splitlines()), "no reason given").removeprefix(f"{path}: ")
        line = re.match(r"line ([0-9]+): ", why)
        raise _refused(path, int(line[1]) if line else None, why[line.end() :] if line else f"ssh says: {why}")
    found: dict[str, tuple[str, ...]] = {}
    for text in done.stdout.splitlines():
        key, _, value = text.partition(" ")
        found[key] = (*found.get(key, ()), value)
    return found


def _node(name: str, origin: str, answer: Options, usual: Options, *, says_user: bool) -> FoundNode:
    """Values that differ from what anybody would get; the alias itself as host where more hangs on it."""
    address = answer.get("hostname", (name,))[0]
    port, user = answer.get("port", ("22",))[0], answer.get("user")
    by_alias = any(answer.get(key) != usual.get(key) for key in _WAY)
    return FoundNode(
        name=name,
        origin=origin,
        host=Given(name if by_alias else address, origin),
        user=Given(user[0], origin) if user and says_user else None,
        port=Given(port, origin) if port != "22" else None,
        address=address,
    )
