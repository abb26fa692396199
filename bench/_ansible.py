"""Ansible's `authorized_key`, in a place of its own: the module is in no package that the tests need."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from bench._many_nodes import PARALLEL, House, Impossible

PERSIST_S = 20
"""Ansible's shared connections stay that long after their last use; its default of 60 s would outlive the accounts."""
_COLLECTION = "usr/lib/python3/dist-packages/ansible_collections"


def fetched(directory: Path) -> Path:
    """Debian's ansible.posix, unpacked below `directory`; nothing is installed. Raises Impossible, saying why."""
    if shutil.which("ansible") is None:
        raise Impossible("there is no ansible (apt-get install ansible-core)")
    directory.mkdir()
    steps = (
        ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "ansible"],
        ["sh", "-c", f"dpkg-deb --fsys-tarfile ansible_*.deb | tar -x --wildcards './{_COLLECTION}/ansible/posix/*'"],
    )
    for step in steps:
        done = subprocess.run(step, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Impossible(f"Debian's package `ansible`, which has authorized_key, cannot be had: {why}")
    return directory / _COLLECTION


PLAIN = {"ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3"}
"""Its own settings, but that it need not look for Python on each node: an eighth of its time here."""
HELPED = {
    **PLAIN,
    "ANSIBLE_PIPELINING": "1",
    "ANSIBLE_SSH_EXTRA_ARGS": "-o KexAlgorithms=curve25519-sha256",
}
"""What somebody sets who has read how to make it faster, and the key exchange that costs the least."""


def push_s(house: House, collections: Path, told: Mapping[str, str]) -> float:
    """Seconds that it takes to push the guest's key to every node. Raises Impossible when it does not get there."""
    inventory = house.base / "inventory"
    inventory.write_text("".join(f"{n.name} ansible_host={n.host} ansible_user={n.user}\n" for n in house.nodes))
    command = ["ansible", "all", "-i", str(inventory), "-f", str(PARALLEL), "-m", "ansible.posix.authorized_key"]
    command += ["-a", f"user={{{{ ansible_user }}}} key={{{{ lookup('file', '{house.guest.path}') }}}}"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_SSH_COMMON_ARGS": " ".join(house.ssh_options()),
        "ANSIBLE_SSH_ARGS": f"-C -o ControlMaster=auto -o ControlPersist={PERSIST_S}s",  # its own, but for the time
        "ANSIBLE_TIMEOUT": "60",  # a busy machine is nobody's fault
        "ANSIBLE_LOCAL_TEMP": str(house.base / "ansible"),
        "ANSIBLE_HOME": str(house.base / "ansible"),
        "LC_ALL": "C.UTF-8",
        **told,
    }
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=house.base, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    taken_s = time.perf_counter() - started
    if house.pushed() != len(house.nodes):
        said = done.stdout + done.stderr
        failed = said[max(0, said.find("UNREACHABLE!"), said.find("FAILED!")) :]
        why = " ".join(failed.split())[:400] or "it said nothing"
        raise Impossible(f"ansible brought the key to {house.pushed()} of {len(house.nodes)}: {why}")
    return taken_s
