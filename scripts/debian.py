"""The real servers of the tests, as Debian packages. Standard library only: nothing is installed yet."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scripts.running import SetupError, run, say

SERVERS = {
    "ansible-inventory": "ansible-core",
    "btrfs": "btrfs-progs",
    "mkfs.btrfs": "btrfs-progs",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "snmpd": "snmpd",
    "snmpset": "snmp",
    "snmpbulkwalk": "snmp",
    "busybox": "busybox",
    "dropbear": "dropbear-bin",
    "dropbearkey": "dropbear-bin",
    "fish": "fish",
    "tcsh": "tcsh",
    "sudo": "sudo",
    "systemd-nspawn": "systemd-container",
    "zsh": "zsh",
}
"""Program that the tests start -> Debian package that brings it."""

SERVICES = {
    "openssh-server": "ssh",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "snmpd": "snmpd",
}
"""Package -> the service that Debian enables with it. We want the program only."""

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_MARK = "# written by homelab's set-up"


def find_program(name: str) -> str | None:
    """Where a program is, or None. Looks in sbin too: a plain user's PATH leaves it out, and sshd lives there."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def missing_packages() -> tuple[str, ...]:
    """Debian packages of the servers that are not here, sorted."""
    return tuple(sorted({package for program, package in SERVERS.items() if find_program(program) is None}))


def install_servers() -> None:
    """Brings the real servers when it may. What stays missing is named, and left to the tests to skip or fail."""
    missing = missing_packages()
    if not missing:
        return
    wish = f"apt-get install {' '.join(missing)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say(f"the tests against real servers need more (as root: {wish})")
        return
    say(f"{wish} (their services are not started)")
    try:
        apt_install(*missing)
    except SetupError as error:
        say(f"{error}")


def apt_install(*packages: str) -> None:
    """Installs Debian packages without starting or enabling the services that come with them."""
    apt_update()
    with undisturbed(), services_held_back([SERVICES[package] for package in packages if package in SERVICES]):
        apt("install", "--yes", "--no-install-recommends", *packages)


@functools.cache
def apt_update() -> None:
    """Reads the package lists, once: a fresh machine has none. One broken source of many need not matter."""
    try:
        apt("update")
    except SetupError as error:
        say(f"{error}; trying to install all the same")


def apt(*arguments: str) -> None:
    """apt-get without questions; waits for another installation to finish."""
    options = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    command = ["apt-get", "-qq", *options, *arguments]
    run(command, doing=f"apt-get {arguments[0]}", environment=environment, own_session=arguments[0] == "install")


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Puts a Ctrl-C, SIGTERM or SIGHUP off until the end: dpkg killed half-way leaves a machine to repair by hand."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if received:
        raise SystemExit(128 + received[0])


@contextlib.contextmanager
def services_held_back(services: list[str]) -> Iterator[None]:
    """Debian starts a service when its package is installed and enables it for the next boot; here it does neither.

    policy-rc.d is what Debian asks before it starts one. Ours asks whether we still live, so that one left behind by
    a `kill -9` forbids nothing.
    """
    theirs = POLICY.exists() and POLICY_MARK not in POLICY.read_text(encoding="utf-8", errors="replace")
    if not theirs:  # a policy of the administrator (or of the container image) stands
        POLICY.write_text(
            f"#!/bin/sh\n{POLICY_MARK}: what it installs is not started while it runs\n"
            f"kill -0 {os.getpid()} 2>/dev/null && exit 101\nexit 0\n",
            encoding="utf-8",
        )
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if not theirs:
            POLICY.unlink(missing_ok=True)
        systemctl = shutil.which("systemctl")
        if services and systemctl:
            command = [systemctl, "--quiet", "disable", *services]
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
