"""Checks of what SSH needs: my keys, known_hosts, and with `--nodes` every node."""

import os
from collections.abc import Iterator
from pathlib import Path

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.checks import Check, failed, passed, warned
from homelab_tui.domain.errors import CredentialsNeeded, SourceError, SourceUnreachable
from homelab_tui.domain.keys import AccountKeys, HostKey, HostKeyState
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.engine.ports import ReachesAndInstalls

SKEW_S = 2.0
"""A clock that is further off makes logs, certificates and etcd disagree."""


def check_known_hosts(ssh: SshConfig) -> Iterator[Check]:
    """The files of `[ssh]`, as far as they are this machine's."""
    if ssh.config is not None and not os.access(ssh.config, os.R_OK):
        yield failed("ssh", "config", f"{ssh.config} cannot be read", "correct [ssh] config")
    path = ssh.known_hosts or Path("~/.ssh/known_hosts").expanduser()
    if not os.path.exists(path):  # unlike Path.exists it raises nothing where a directory may not be searched
        yield warned("ssh", "known_hosts", f"there is no {path}: every node is met for the first time")
    elif not os.access(path, os.R_OK):
        yield failed("ssh", "known_hosts", f"{path} cannot be read", f"ls -l {path}")
    elif path.stat().st_mode & 0o022:
        detail = f"others can write {path}: they could make any node look trusted"
        yield failed("ssh", "known_hosts", detail, f"chmod go-w {path}")
    elif not os.access(path, os.W_OK):
        yield warned("ssh", "known_hosts", f"{path} cannot be written: no host key can be trusted from here")
    else:
        yield passed("ssh", "known_hosts", str(path))


async def check_keys(ssh: ReachesAndInstalls, config: KeysConfig) -> list[Check]:
    """My public keys, and whether their private halves are here to prove a push with."""
    keys = await ssh.read_my_keys()
    if not keys:
        return [
            warned("keys", "mine", "there is no public key of mine", "ssh-keygen -t ed25519, or name one in [keys]")
        ]
    checks = []
    for key in keys:
        name = key.path or key.comment or key.fingerprint
        if key.private_path or key.in_agent:
            checks.append(passed("keys", name, f"{key.type} {key.fingerprint}"))
        else:
            detail = f"{key.type} {key.fingerprint}: its private half is not here, so a push of it cannot be proven"
            checks.append(warned("keys", name, detail))
    if not config.agent:
        checks.append(passed("keys", "agent", "not asked: [keys] agent = false"))
    elif not os.environ.get("SSH_AUTH_SOCK"):
        checks.append(passed("keys", "agent", "none runs here (SSH_AUTH_SOCK is not set)"))
    else:
        checks.append(passed("keys", "agent", f"{sum(key.in_agent for key in keys)} keys"))
    return checks


async def check_node(ssh: ReachesAndInstalls, node: Node) -> list[Check]:
    """One node, step by step: each needs the one before. Raises SourceError when it is not reached at all."""
    subject = f"node {node.name}"
    if not await ssh.answers(node):
        raise SourceUnreachable(f"{node.name}: nothing listens on its SSH port")
    checks = [passed(subject, "reach", f"{node.host} answers")]
    step, fix = "host key", None
    try:
        host_key = await ssh.host_key(node)
        checks.append(_host_key(subject, node, host_key))
        if host_key.state in (HostKeyState.UNKNOWN, HostKeyState.CHANGED, HostKeyState.REVOKED):
            return checks
        step, fix = "login", f"homelab keys push KEY --node {node.name}"
        account = await ssh.read_account(node)
        checks += _account(subject, node, account)
        step, fix = "probe", None
        checks += _facts(subject, await ssh.probe(node))
    except SourceError as error:
        checks.append(failed(subject, step, str(error), fix if isinstance(error, CredentialsNeeded) else None))
    return checks


def _host_key(subject: str, node: Node, key: HostKey) -> Check:
    shown = f"{key.key_type} {key.fingerprint}"
    trust = f"compare it on its console, then: homelab keys trust {node.name} --fingerprint {key.fingerprint}"
    if key.state is HostKeyState.TRUSTED:
        return passed(subject, "host key", shown)
    if key.state is HostKeyState.NEW_TYPE:
        return warned(subject, "host key", f"it is known by a key of another type; this one is {shown}", trust)
    if key.state is HostKeyState.UNKNOWN:
        return failed(subject, "host key", f"{shown} is not known here, so nothing was sent", trust)
    known = f" ({key.known_at} knows {key.known_fingerprint})" if key.known_at and key.known_fingerprint else ""
    detail = f"{shown} is {key.state.value}{known}: another machine, or one that was set up anew"
    fix = f"find out which; only then remove the old one: {key.removal_command}"
    return failed(subject, "host key", detail, fix if key.state is HostKeyState.CHANGED else "do not log in there")


def _account(subject: str, node: Node, account: AccountKeys) -> Iterator[Check]:
    with_key = f" with {account.login_fingerprint}" if account.login_fingerprint else ""
    yield passed(subject, "login", f"{account.account}{with_key}")
    for problem in account.problems:
        yield warned(subject, "authorized_keys", problem)
    if account.password_login:
        detail = "it still takes passwords: every key here is as strong as the weakest password there"
        yield warned(subject, "password login", detail, "PasswordAuthentication no in its sshd_config")
    elif account.password_login is False:
        yield passed(subject, "password login", "off")
    if account.sudo is False:
        detail = f"`sudo -n` asks {account.account} for a password: reboot and hardening are not possible"
        yield warned(subject, "sudo", detail, f"a sudoers rule with NOPASSWD for {account.account}")
    elif account.sudo:
        yield passed(subject, "sudo", "without a password")


def _facts(subject: str, facts: NodeFacts) -> Iterator[Check]:
    yield passed(subject, "probe", ", ".join(filter(None, (facts.model, facts.os, facts.kernel))) or "answered")
    skew_s = facts.clock_skew_s
    if skew_s is not None and abs(skew_s) > SKEW_S:
        ahead = "ahead of" if skew_s > 0 else "behind"
        yield warned(
            subject,
            "clock",
            f"{abs(skew_s):.0f} s {ahead} this machine's",
            "systemctl status systemd-timesyncd chronyd",
        )
    elif skew_s is not None:
        yield passed(subject, "clock", f"within {SKEW_S:g} s of this machine's")
