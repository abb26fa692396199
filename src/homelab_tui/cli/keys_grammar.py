"""The grammar of `homelab keys`."""

import argparse
from typing import TYPE_CHECKING

from homelab_tui.cli.grammar import add, add_confirming, lazily

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_KEY = "a .pub path, SHA256:…, a unique comment or file stem"


def add_keys(commands: "Subparsers") -> None:
    """`keys` and its verbs."""
    keys = add(commands, "keys", "SSH public keys against nodes", lazily("keys", "listing"))
    verbs = keys.add_subparsers(title="actions", metavar="ACTION")
    push = add(verbs, "push", "put a key on nodes, and prove it", lazily("keys_push", "push"))
    push.add_argument("key", metavar="KEY", help=_KEY)
    _add_where(push)
    _add_secret(push, "password", "login password for accounts that no key opens yet")
    _add_secret(push, "new-password", "what takes its place where it has expired (a fresh Ubuntu's first login)")
    add_confirming(push)
    modes = add(verbs, "modes", "chmod go-w what makes sshd ignore the keys", lazily("keys_modes", "modes"))
    _add_where(modes)
    _add_secret(modes, "password", "login password for accounts that no key opens, because of just these modes")
    add_confirming(modes)
    trust = add(verbs, "trust", "accept the host key of a node", lazily("keys", "trust"))
    trust.add_argument("node", metavar="NODE")
    trust.add_argument("--fingerprint", metavar="SHA256:…", help="the fingerprint that was compared on the console")
    add_confirming(trust, dry_run=False)
    _add_changes(verbs)
    _add_generate(verbs)
    _add_administration(verbs)


def _add_changes(verbs: "Subparsers") -> None:
    revoke = add(verbs, "revoke", "take a key off nodes, and prove it", lazily("keys_changes", "revoke"))
    revoke.add_argument("key", metavar="KEY", help=f"{_KEY}; SHA256:… of a key that nobody knows, too")
    _add_where(revoke)
    revoke.add_argument(
        "--close",
        metavar="USER",
        action="append",
        default=[],
        help="another account of the node that may lose its last usable line (several times); else it keeps that",
    )
    add_confirming(revoke)
    rotate = add(
        verbs, "rotate", "add a new key, prove it, only then remove the old one", lazily("keys_changes", "rotate")
    )
    rotate.add_argument("old", metavar="OLD", help=_KEY)
    rotate.add_argument("new", metavar="NEW", help="the key that takes its place; its private half must be here")
    _add_where(rotate)
    add_confirming(rotate)
    undo = add(verbs, "undo", "put authorized_keys back as before our last write", lazily("keys_changes", "undo"))
    undo.add_argument("nodes", metavar="NODE", nargs="*", help="default: every node where something can be undone")
    add_confirming(undo)


def _add_generate(verbs: "Subparsers") -> None:
    generate = add(verbs, "generate", "make a new key pair on this machine", lazily("keys_changes", "generate"))
    generate.add_argument("--name", metavar="N", help="file name of the private half (default: id_ed25519 or id_rsa)")
    generate.add_argument("--comment", metavar="C", help="default: user@host-YYYYMMDD")
    generate.add_argument("--type", choices=("ed25519", "rsa"), default="ed25519", help="rsa (3072 bits): for old gear")
    locked = generate.add_mutually_exclusive_group()
    _add_secret(locked, "passphrase", "passphrase for the new key (default: asked for on the terminal)")
    locked.add_argument("--no-passphrase", action="store_true", help="whoever gets the file gets in")


def _add_administration(verbs: "Subparsers") -> None:
    harden = add(verbs, "harden", "key-only sshd, with a rollback on the node", lazily("keys_nodes", "harden"))
    sudo = add(verbs, "sudo", "sudo without a password for the account", lazily("keys_nodes", "sudo"))
    hosts = add(verbs, "hosts", "the nodes' names in /etc/hosts of nodes", lazily("keys_nodes", "hosts"))
    sudo.add_argument("--user", metavar="U", help="a user of its own for it (kubespray), instead of the node's account")
    sudo.add_argument("--create", action="store_true", help="with --user: make the account where it is not there")
    sudo.add_argument("--key", metavar="KEY", help="with --user: what opens it (default: the key homelab logs in with)")
    hosts.add_argument("--here", action="store_true", help="in /etc/hosts of this machine")
    hosts.add_argument("--bastion", action="store_true", help="on the jump host of [ssh] bastion")
    for parser in (harden, sudo, hosts):
        _add_where(parser, required=parser is not hosts)
        parser.add_argument("--undo", action="store_true", help="take it back")
        if parser is not harden:
            _add_secret(parser, "sudo-password", "the account's password, where sudo asks for one")
        add_confirming(parser)


def _add_where(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument("--node", metavar="NODE", action="append", help="a node, or user@node; may be repeated")
    where.add_argument("--all", action="store_true", help="every node of the configuration")
    parser.add_argument("--fingerprint", metavar="SHA256:…", help="trust an unknown host key that shows this")


def _add_secret(parser: argparse._ActionsContainer, name: str, text: str) -> None:
    """`--NAME-file` and `--NAME-env`: a secret is never an argument."""
    parser.add_argument(f"--{name}-file", metavar="F", help=text)
    parser.add_argument(f"--{name}-env", metavar="V", help="the same from an environment variable")
