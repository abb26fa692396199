"""Kubeconfigs resolved in a process of its own: the official package costs 40 MB and a third of a second, there.

`python -P -m homelab_tui.sources.kube_resolving` is that process. It reads `[[name, kubeconfig, context], …]` from its
stdin and writes what each comes down to, secrets too, to its stdout: pipes that nobody else can read.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.errors import SourceError

if TYPE_CHECKING:
    from homelab_tui.sources.kube_access import ClusterAccess

_MODULE = "homelab_tui.sources.kube_resolving"
_TIMEOUT_S = 15.0
"""A Raspberry Pi with a cold disk takes a few seconds."""


class ResolvesAccess(Protocol):
    """Whatever tells how to reach a cluster."""

    def resolve(self, config: ClusterConfig) -> "ClusterAccess":
        """Blocking. Raises: SourceError."""


class InProcess:
    """For who needs it once: the package is imported here."""

    def resolve(self, config: ClusterConfig) -> "ClusterAccess":
        """See `kubeconfig.resolve`."""
        from homelab_tui.sources.kubeconfig import resolve

        return resolve(config)


class Apart:
    """For a program that stays: another process imports the package, and ends with its answer.

    Where no such process can be had, or it dies, the package is imported here.
    """

    def __init__(self, clusters: Sequence[ClusterConfig] = ()) -> None:
        """`clusters`: what will be asked; none: `ask` says it, when it is known."""
        self._lock = threading.Lock()
        self._asked = tuple(clusters)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: dict[str, bytes] = {}

    def begin(self) -> None:
        """Start the process for the clusters that are known, without waiting for it."""
        with self._lock:
            if self._asked and self._process is None:
                self._process = _begun(self._asked)

    def ask(self, clusters: Sequence[ClusterConfig]) -> None:
        """These are the clusters: begin with them."""
        self._asked = tuple(clusters)
        self.begin()

    def resolve(self, config: ClusterConfig) -> "ClusterAccess":
        """The answer that was begun, the first time; after that its files are read again.

        Blocking; from any thread. Raises: SourceError.
        """
        with self._lock:
            if self._process is not None:
                answers = _answers(self._process)
                self._process = None
                self._answers = {one.name: answer for one, answer in zip(self._asked, answers, strict=False)}
            answer = self._answers.pop(config.name, None)
        if answer is None:
            process = _begun([config])
            answer = next(iter(_answers(process) if process is not None else ()), None)
        return InProcess().resolve(config) if answer is None else _understood(answer)


def _begun(clusters: Sequence[ClusterConfig]) -> "subprocess.Popen[bytes] | None":
    command = [sys.executable, "-P", "-m", _MODULE]
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except (OSError, ValueError):
        return None
    asked, process.stdin = process.stdin, None
    if asked is not None:
        text = json.dumps([[one.name, one.kubeconfig, one.context] for one in clusters])
        with contextlib.suppress(OSError), asked:  # it has ended already: it will be seen when it is waited for
            asked.write(text.encode())
    return process


def _answers(process: "subprocess.Popen[bytes]") -> list[bytes]:
    """One line for each cluster; none when the process did not end well."""
    try:
        told, _ = process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return []
    return told.splitlines() if process.returncode == 0 else []


def _understood(answer: bytes) -> "ClusterAccess":
    import msgspec  # not before the first paint

    from homelab_tui.sources.kube_access import ClusterAccess

    error = msgspec.json.decode(answer, type=dict[str, msgspec.Raw]).get("error")
    if error is not None:
        raise SourceError(msgspec.json.decode(error, type=str))

    def made(kind: type, value: object) -> object:
        return Path(value) if kind is Path and isinstance(value, str) else value

    return msgspec.json.decode(answer, type=ClusterAccess, dec_hook=made)


def _answer(name: str, kubeconfig: str | None, context: str | None) -> bytes:
    import msgspec

    try:
        access = InProcess().resolve(ClusterConfig(name=name, kubeconfig=kubeconfig, context=context))
    except SourceError as error:
        return msgspec.json.encode({"error": str(error)})

    def text(value: object) -> str:
        if isinstance(value, Path):
            return os.fspath(value)
        raise TypeError(f"{type(value).__name__} cannot be told")

    return msgspec.json.encode(access, enc_hook=text)


def main() -> None:
    """What the process does."""
    for name, kubeconfig, context in json.loads(sys.stdin.buffer.read()):
        sys.stdout.buffer.write(_answer(name, kubeconfig, context) + b"\n")


if __name__ == "__main__":
    main()
