"""A router like OpenWrt: dropbear, few programs, root's keys in /etc/dropbear. Debian's dropbear, in a namespace.

Debian's has not OpenWrt's patch, which reads /etc/dropbear/authorized_keys for root: there the directory is also
root's ~/.ssh, so that the file is the same one.
"""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.real.administered_sshd import demand_overlay
from tests.real.sshd import free_port, make_key, needs_root
from tests.servers import require_binary

pytestmark = needs_root
_ENTER = """base=$1; shift
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$base/upper,workdir=$base/work" /etc || exit 1
mkdir -p "$base/root/.ssh" && mount --bind /etc/dropbear "$base/root/.ssh" || exit 1
# What OpenWrt's busybox has not: a file that cannot be executed stands in the way.
for program in base64 stat getent sudo sshd setpriv runuser; do
  for place in /usr/bin /bin /usr/sbin /sbin; do
    [ ! -e "$place/$program" ] || mount --bind "$base/none" "$place/$program"
  done
done
exec "$@"
"""


@contextlib.contextmanager
def router(first: PublicKey) -> Iterator[tuple[Path, SshSource, Node, PublicKey]]:
    """The router; `first` opens it. Yields root's key file, a source, the node and its own key."""
    base = Path(tempfile.mkdtemp(prefix="homelab-openwrt-"))
    base.chmod(0o755)
    for name in ("upper", "work", "root"):
        (base / name).mkdir(mode=0o755)
    demand_overlay(base)
    (base / "none").write_text("")
    (base / "upper" / "dropbear").mkdir(mode=0o700)
    (base / "upper" / "openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
    passwd = Path("/etc/passwd").read_text().replace("root:/root:", f"root:{base}/root:", 1)
    (base / "upper" / "passwd").write_text(passwd)
    keys = base / "upper" / "dropbear" / "authorized_keys"
    keys.write_text(f"{key_text(first.blob)} first\n")
    keys.chmod(0o600)
    host_key, port = base / "host_key", free_port()
    keygen = [str(require_binary("dropbearkey")), "-t", "ed25519", "-f", str(host_key)]
    shown = subprocess.run(keygen, check=True, capture_output=True, text=True)
    public = next(line for line in shown.stdout.splitlines() if line.startswith("ssh-ed25519"))
    (base / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public.split()[:2])}\n")
    command = [str(require_binary("dropbear")), "-F", "-E", "-r", str(host_key), "-p", f"127.0.0.1:{port}"]
    enter = [str(require_binary("unshare")), "-m", "sh", "-c", _ENTER, "sh", str(base), *command]
    with (base / "log").open("wb") as log:
        process = subprocess.Popen([*enter, "-P", str(base / "pid")], stdin=subprocess.DEVNULL, stderr=log)
    try:
        end = time.monotonic() + 10
        while b"Not backgrounding" not in (base / "log").read_bytes() and time.monotonic() < end:
            time.sleep(0.02)
        config = base / "ssh_config"
        config.write_text("Host *\n  IdentityFile none\n  GlobalKnownHostsFile /dev/null\n")
        ssh = SshConfig(config=config, known_hosts=base / "known_hosts")
        source = SshSource(ssh, KeysConfig(paths=(Path(first.path or ""),), agent=False))
        yield keys, source, Node("wrt", "127.0.0.1", user="root", port=port), first
    finally:
        process.terminate()
        process.wait(timeout=5)
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, SshSource, Node, PublicKey]]:
    with router(make_key(tmp_path, "first")) as there:
        yield there


async def test_roots_keys_are_read_and_written_where_the_router_reads_them(
    place: tuple[Path, SshSource, Node, PublicKey], tmp_path: Path
) -> None:
    keys, source, node, first = place
    key = make_key(tmp_path, "mine")
    write = await source.add_key(node, key)
    assert write.file == "/etc/dropbear/authorized_keys"
    assert keys.read_text() == f"{key_text(first.blob)} first\n{key_text(key.blob)} mine@test\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert (await source.prove(node, key)).proven
    read = await source.read_account(node)
    assert [(cell.state.value, cell.file) for cell in read.cells] == [("present", "/etc/dropbear/authorized_keys")] * 2
    assert (read.sudo, read.problems, read.others) == (True, (), ())
    removal = await source.remove_key(node, key.fingerprint)
    assert len(removal.writes) == 1
    assert keys.read_text() == f"{key_text(first.blob)} first\n"
    assert (await source.prove(node, key)).refused


async def test_what_dropbear_refuses_is_shown_as_ignored_and_is_refused(
    place: tuple[Path, SshSource, Node, PublicKey], tmp_path: Path
) -> None:
    keys, source, node, _ = place
    guest, long = make_key(tmp_path, "guest"), make_key(tmp_path, "long")
    with keys.open("a") as file:
        file.write(f'from="127.0.0.1" {key_text(guest.blob)} guest\n')
        file.write(f"{key_text(long.blob)} {'c' * 5000}\n")
    read = await source.read_account(node)
    assert [cell.state.value for cell in read.cells] == ["present", "ignored", "ignored"]
    assert any("dropbear knows no from" in problem for problem in read.problems)
    assert any("longer than dropbear reads" in problem for problem in read.problems)
    for key in (guest, long):
        assert (await source.prove(node, key)).refused
