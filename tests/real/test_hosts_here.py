"""The managed block in the /etc/hosts of the machine that homelab runs on: its own sudo, in surroundings of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.administered_sshd import demand_overlay
from tests.real.sshd import needs_root
from tests.servers import require_binary

pytestmark = needs_root
_PROGRAM = """
import asyncio, sys
from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh import SshSource

async def main():
    source = SshSource(SshConfig(), KeysConfig(agent=False))
    entries = tuple(tuple(word.split("=")) for word in sys.argv[2:])
    try:
        change = await source.write_hosts_here(entries, Secret(sys.argv[1]) if sys.argv[1] != "-" else None)
        print(change.changed, change.detail)
    except HomelabError as error:
        print(type(error).__name__, error)
    await source.close()

asyncio.run(main())
"""
_ENTER = """mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc || exit 1
user=$2; shift 2
if [ "$user" = root ]; then exec "$@"; fi
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An /etc of its own, with a hosts file."""
    for name in ("upper", "work"):
        (tmp_path / name).mkdir(mode=0o755)
    demand_overlay(tmp_path)
    (tmp_path / "upper" / "hosts").write_bytes(b"127.0.0.1 localhost")
    (tmp_path / "upper" / "hosts").chmod(0o644)
    return tmp_path


def here(place: Path, *words: str, user: str = "root", secret: str = "-") -> str:
    """What the act says, as that user."""
    enter = [str(require_binary("unshare")), "-m", "sh", "-c", _ENTER, "sh", str(place), user]
    command = [sys.executable, "-c", _PROGRAM, secret, *words]
    done = subprocess.run([*enter, *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.stdout.strip() or done.stderr


def test_the_names_come_stay_and_go_and_every_other_line_is_as_it_was(place: Path) -> None:
    machines = Path("/etc/hosts").read_bytes()
    hosts = place / "upper" / "hosts"
    assert here(place, "nuc01=10.0.0.1", "rpi01=10.0.0.2") == "True 2 names in /etc/hosts"
    assert b"127.0.0.1 localhost\n# BEGIN homelab" in hosts.read_bytes()
    assert b"\n10.0.0.1\tnuc01\n10.0.0.2\trpi01\n# END homelab\n" in hosts.read_bytes()
    assert here(place, "nuc01=10.0.0.1", "rpi01=10.0.0.2").startswith("False as it should be")
    assert here(place) == "True the block is gone from /etc/hosts"
    assert hosts.read_bytes() == b"127.0.0.1 localhost\n"
    assert hosts.stat().st_mode & 0o777 == 0o644
    assert Path("/etc/hosts").read_bytes() == machines
