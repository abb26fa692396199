"""The ssh command that opens a shell on a node, the way homelab itself would go there."""

import shlex
from collections.abc import Sequence

from homelab_tui.config.model import SshConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.state import LabState
from homelab_tui.engine.store import reading_of


def shell_argv(ssh: SshConfig, state: LabState, node: Node) -> tuple[str, ...]:
    """`ssh` with the node's account, port, configuration, known hosts, jump host, and the key that opened it last."""
    argv = ["ssh"]
    if ssh.config is not None:
        argv += ["-F", str(ssh.config)]
    if ssh.known_hosts is not None:
        argv += ["-o", f'UserKnownHostsFile="{ssh.known_hosts}"']
    if ssh.bastion is not None and not _is_bastion(ssh.bastion, node):
        argv += ["-J", ssh.bastion]
    key = _login_key(state, node)
    if key is not None and key.private_path is not None:
        argv += ["-i", key.private_path]
    if node.port is not None:
        argv += ["-p", str(node.port)]
    if node.user is not None:
        argv += ["-l", node.user]
    return (*argv, "--", node.host)


def in_words(argv: Sequence[str]) -> str:
    """The command as a person would type it."""
    return shlex.join(argv)


def _is_bastion(bastion: str, node: Node) -> bool:
    """Whether the node is the jump host itself."""
    host = bastion.rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return host.casefold() in (node.host.casefold(), node.name.casefold())


def _login_key(state: LabState, node: Node) -> PublicKey | None:
    account = reading_of(state.accounts, node.account).value
    if account is None or account.login_fingerprint is None:
        return None
    return next((key for key in state.my_keys if key.fingerprint == account.login_fingerprint), None)
