"""The way to a node as ssh would go it: `ssh -G` when there is a client, a documented fallback when not.

The fallback reads the configuration with paramiko's parser, which knows no Include, no Match and no tokens.
"""

import getpass
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

from homelab_tui.config.model import SshConfig
from homelab_tui.domain.errors import SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.known_hosts import DEFAULT_PORT
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import Frozen, replace

MAX_HOPS = 8
SSH_G_TIMEOUT_S = 5.0

_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]\s]+\]|[^:@\[\]\s]+)(?::(?P<port>\d+))?/?")
_JUMP_COMMAND = re.compile(r"(?:\S*/)?ssh\s+(?:-[aqx]\s+)*-W\s+(?P<target>\S+)\s+(?P<jump>[^\s-]\S*)")


class Hop(Frozen):
    """One SSH server on the way."""

    name: str
    """What messages call it: the node's name, or the jump host as it is written."""
    host: str
    port: int
    user: str
    key_name: str
    """The name its host key is looked up by: HostKeyAlias, else the host."""
    key_port: int
    """22 with a HostKeyAlias (which stands for the port too), else the port."""
    known_hosts: tuple[Path, ...]
    """The user's files first (new lines go into the first), then the system's."""
    identity_files: tuple[Path, ...] = ()
    identities_only: bool = False
    """IdentitiesOnly: of the agent, only keys whose file is named are offered."""
    hash_known_hosts: bool = False


class Route(Frozen):
    """Every server from here to the node; the node itself is the last."""

    hops: tuple[Hop, ...]

    @property
    def target(self) -> Hop:
        """The node's own server."""
        return self.hops[-1]

    def words(self, hop: Hop) -> str:
        """How a message names a hop: `rpi03`, or `rpi03: jump host bastion.home`."""
        return hop.name if hop is self.target else f"{self.target.name}: jump host {hop.name}"


class _Wish(Frozen):
    """What is asked of ssh: a host as a person writes it, with the user and port that are already decided."""

    host: str
    user: str | None = None
    port: int | None = None


class Routes:
    """Resolves nodes, each question asked once. Blocking: call it in a thread. Safe to use from several at once."""

    def __init__(self, config: SshConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._answers: dict[_Wish, dict[str, list[str]]] = {}

    def route(self, node: Node) -> Route:
        """The way to a node. Raises SourceRefused for a way that homelab cannot go (ProxyCommand, a circle)."""
        hops = self._hops(_Wish(node.host, node.user, node.port), node.name, ())
        return Route(hops)

    def _hops(self, wish: _Wish, name: str, seen: tuple[str, ...]) -> tuple[Hop, ...]:
        if wish.host.startswith("-") or not wish.host:
            raise SourceRefused(f"{name}: {wish.host!r} is not a host name")
        if len(seen) >= MAX_HOPS or name in seen:
            raise SourceRefused(f"{name}: its jump hosts lead in a circle ({' → '.join((*seen, name))})")
        answer = self._ask(wish, name)
        hop = _hop(name, wish, answer, self._config)
        jumps = self._jumps(hop, answer, is_target=not seen)
        before: tuple[Hop, ...] = ()
        for position, jump in enumerate(jumps):
            match = _JUMP.fullmatch(jump)
            if match is None:
                raise SourceRefused(f"{name}: the jump host {jump!r} is not [user@]host[:port]")
            port = int(match["port"]) if match["port"] else None
            jump_wish = _Wish(match["host"].strip("[]"), match["user"], port)
            if position == 0:  # only the first of a list is reached by its own configuration's way, as ssh does it
                before = self._hops(jump_wish, jump, (*seen, name))
            else:
                before = (*before, _hop(jump, jump_wish, self._ask(jump_wish, jump), self._config))
        return (*before, hop)

    def _jumps(self, hop: Hop, answer: dict[str, list[str]], *, is_target: bool) -> tuple[str, ...]:
        """The jump hosts right before a hop, in the order they are passed."""
        jump = _first(answer, "proxyjump")
        command = _first(answer, "proxycommand")
        if jump is None and command is not None and command.lower() != "none":
            match = _JUMP_COMMAND.fullmatch(command.strip())
            # ssh leaves the tokens as they are; paramiko's parser has put host and port in their place.
            if match is None or match["target"] not in ("%h:%p", "[%h]:%p", f"{hop.host}:{hop.port}"):
                raise SourceRefused(
                    f"{hop.name}: its ssh configuration has a ProxyCommand, which homelab does not run; use ProxyJump"
                )
            jump = match["jump"]
        if jump is not None:
            return () if jump.lower() == "none" else tuple(part.strip() for part in jump.split(",") if part.strip())
        bastion = self._config.bastion
        if bastion is None or not is_target:
            return ()
        match = _JUMP.fullmatch(bastion)
        if match is None:
            raise SourceRefused(f"{hop.name}: ssh.bastion = {bastion!r} is not [user@]host[:port]")
        wish = _Wish(match["host"].strip("[]"))
        own = _hop(bastion, wish, self._ask(wish, bastion), self._config)
        port = int(match["port"]) if match["port"] else own.port
        return () if (own.host, port) == (hop.host, hop.port) else (bastion,)

    def _ask(self, wish: _Wish, name: str) -> dict[str, list[str]]:
        """`ssh -G`'s answer, keys in lower case; each key may stand there several times."""
        with self._lock:
            known = self._answers.get(wish)
        if known is None:
            ask = _ask_ssh if shutil.which("ssh") else _ask_paramiko
            known = ask(wish, self._config, name)
            with self._lock:
                self._answers[wish] = known
        return known


def _ask_ssh(wish: _Wish, config: SshConfig, name: str) -> dict[str, list[str]]:
    command = ["ssh", "-G"]
    if config.config is not None:
        command += ["-F", str(config.config)]
    if wish.user is not None:
        command += ["-l", wish.user]
    if wish.port is not None:
        command += ["-p", str(wish.port)]
    try:
        done = subprocess.run(
            [*command, "--", wish.host],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SSH_G_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceTimeout(f"{name}: `ssh -G` did not answer within {SSH_G_TIMEOUT_S:g} s") from error
    except OSError as error:
        raise SourceUnreachable(f"{name}: `ssh -G` cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        why = _first_line(done.stderr.decode("utf-8", "replace"))
        raise SourceRefused(f"{name}: ssh does not accept its configuration: {why}")
    answer: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        answer.setdefault(key.lower(), []).append(value)
    return answer


def _ask_paramiko(wish: _Wish, config: SshConfig, name: str) -> dict[str, list[str]]:
    """The fallback without an ssh client: paramiko's own reading of the configuration."""
    import paramiko  # heavy: nothing may import it before the first paint

    vars(paramiko.config)["invoke"] = _Commands
    path = config.config or Path("~/.ssh/config").expanduser()
    answer: dict[str, list[str]] = {}
    try:
        read = paramiko.SSHConfig.from_path(str(path)) if path.exists() else paramiko.SSHConfig()
        found = read.lookup(wish.host)
    except subprocess.TimeoutExpired as error:
        raise SourceTimeout(f"{name}: a `Match exec` of {path} did not end within {SSH_G_TIMEOUT_S:g} s") from error
    except (OSError, paramiko.SSHException, UnicodeDecodeError, ValueError) as error:
        raise SourceRefused(f"{name}: {path} cannot be read as an ssh configuration") from error
    for key in found:
        value: object = found[key]
        answer[key.lower()] = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    if wish.user is not None:
        answer["user"] = [wish.user]
    if wish.port is not None:
        answer["port"] = [str(wish.port)]
    return answer


class _Commands:
    """What paramiko runs a `Match exec` with. Its own way is a library that would read our standard input."""

    @staticmethod
    def run(command: str, **_how: object) -> SimpleNamespace:
        """Whether the command is `ok`, as ssh asks: with the person's shell, and nothing of what it says is shown.

        Raises: OSError; subprocess.TimeoutExpired.
        """
        argv = [os.environ.get("SHELL") or "/bin/sh", "-c", command]
        quiet = subprocess.DEVNULL
        done = subprocess.run(argv, stdin=quiet, stdout=quiet, stderr=quiet, timeout=SSH_G_TIMEOUT_S, check=False)
        return SimpleNamespace(ok=done.returncode == 0)


def _hop(name: str, wish: _Wish, answer: dict[str, list[str]], config: SshConfig) -> Hop:
    host = _first(answer, "hostname") or wish.host
    port_text = _first(answer, "port") or str(wish.port or DEFAULT_PORT)
    port = int(port_text) if port_text.isdigit() else DEFAULT_PORT
    alias = _first(answer, "hostkeyalias")
    hop = Hop(
        name=name,
        host=host,
        port=port,
        user=wish.user or _first(answer, "user") or getpass.getuser(),
        key_name=alias or host,
        key_port=DEFAULT_PORT if alias else port,
        known_hosts=_known_hosts_files(answer, config),
        identity_files=_identity_files(answer),
        identities_only=_first(answer, "identitiesonly") == "yes",
        hash_known_hosts=_first(answer, "hashknownhosts") == "yes",
    )
    return replace(hop, key_name=hop.key_name.lower())


def _known_hosts_files(answer: dict[str, list[str]], config: SshConfig) -> tuple[Path, ...]:
    user = " ".join(answer.get("userknownhostsfile", ["~/.ssh/known_hosts"])).split()
    system = " ".join(answer.get("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts"])).split()
    first = [config.known_hosts] if config.known_hosts is not None else [_home(word) for word in user]
    return tuple(path for path in (*first, *(_home(word) for word in system)) if str(path).lower() != "none")


def _identity_files(answer: dict[str, list[str]]) -> tuple[Path, ...]:
    words = answer.get("identityfile", ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"])
    return tuple(_home(word.strip('"')) for word in words if word.lower() != "none")


def _home(word: str) -> Path:
    return Path(word).expanduser()


def _first(answer: dict[str, list[str]], key: str) -> str | None:
    values = answer.get(key)
    return values[0] if values and values[0] else None


def _first_line(text: str) -> str:
    """The first complaint names file and line; the last one only counts them."""
    lines = [line for line in text.splitlines() if line.strip()]
    return printable(lines[0]) if lines else "it gives no reason"


def printable(text: str, limit: int = 200) -> str:
    """A server's or program's words, safe to put into a message: no control characters, one line, not endless."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    words = " ".join(text.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"
