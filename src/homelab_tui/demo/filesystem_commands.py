"""Small programs that come first on the PATH of a demo node's sessions.

A session really runs on the machine of the person who runs the demo. Whatever would tell that machine's name, disks or
addresses, or would change it (sudo, reboot), is answered by the node instead; the rest (sh, cat, mktemp, flock...) is
the host's own.
"""

import json
import os
import shlex
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from homelab_tui.demo.filesystem_admin import IS_ROOT, Administration, admin_scripts
from homelab_tui.demo.filesystem_nuc import NVME_MODEL
from homelab_tui.demo.filesystem_tree import Files, interface
from homelab_tui.demo.hardware import DemoNode

CLOCK_FAST_S = 0.5
"""A clock further off than this is not called synchronised."""
_UPDATES = """
kernel.x86_64                 5.14.0-162.12.1.el9_1        baseos
kernel-core.x86_64            5.14.0-162.12.1.el9_1        baseos
openssl-libs.x86_64           1:3.0.1-47.el9_1             baseos
sudo.x86_64                   1.9.5p2-7.el9_1.1            baseos
"""
_ACCOUNT_UID = 1000
_REFUSED = ("su", "doas", "visudo", "init", "telinit", "systemd-run")
_ADMIN_ONLY = ("apt", "apt-get", "dpkg", "dnf", "yum", "rpm", "journalctl", "useradd", "usermod", "loginctl")


def commands(
    node: DemoNode, at: datetime, root: Path, skew_s: float = 0.0, admin: Administration | None = None
) -> Files:
    """Name -> script of each program.

    `at` is the lab's clock, `root` the node's PROBE_ROOT, `skew_s` how far the node's own clock runs ahead,
    `admin` what sudo can do.
    """
    scripts = {
        "uname": _uname(node),
        "hostname": _hostname(node),
        "nproc": f"echo {node.threads}",
        "id": _id(node),
        "stat": _stat(),
        "whoami": f'[ -z "${{{IS_ROOT}:-}}" ] && echo {node.user} || echo root',
        "date": _date(at, skew_s),
        "df": f"cat <<'END'\n{_df(node)}END",
        "lsblk": _lsblk(node),
        "ip": _ip(node),
        "timedatectl": _timedatectl(skew_s),
        "systemd-detect-virt": "echo none; exit 1",
        "who": f'case "$*" in -b) echo "         system boot  {node.booted_at:%Y-%m-%d %H:%M}";; esac',
        "free": f"grep -E '^Mem(Total|Available)' {shlex.quote(str(root / 'proc/meminfo'))}",
        # The host's own sync would flush every disk of the machine that runs the demo.
        "sync": "exit 0",
    }
    scripts |= admin_scripts(node, admin or Administration())
    if node.kind == "raspberry-pi":
        scripts["vcgencmd"] = _vcgencmd(root)
    for name in _REFUSED:
        scripts[name] = f'echo "{name}: Operation not permitted" >&2; exit 1'
    for name in _ADMIN_ONLY:
        scripts[name] = f'echo "{name}: you do not have permission to run this on {node.name}" >&2; exit 1'
    if node.kind == "nuc":
        # Whoever is not root may read root's cache, and no more.
        scripts["dnf"] = (
            f'case " $* " in *" check-update "*) cat <<\'END\'\n{_UPDATES}END\nexit 100;; esac\n{scripts["dnf"]}'
        )
    return {name: f"#!/bin/sh\n{body}\n".encode() for name, body in scripts.items()}


def _uname(node: DemoNode) -> str:
    system = "GNU/Linux"
    version = "#1 SMP PREEMPT_DYNAMIC Thu Mar 2 12:00:00 UTC 2023"
    return f"""s= n= r= v= m= o=
[ $# -gt 0 ] || s=1
for a in "$@"; do case $a in
--all) s=1 n=1 r=1 v=1 m=1 o=1;;
-[!-]*)
 case $a in *a*) s=1 n=1 r=1 v=1 m=1 o=1;; esac
 case $a in *s*) s=1;; esac; case $a in *n*) n=1;; esac; case $a in *r*) r=1;; esac
 case $a in *v*) v=1;; esac; case $a in *[mpi]*) m=1;; esac; case $a in *o*) o=1;; esac;;
*) echo "uname: extra operand '$a'" >&2; exit 1;;
esac; done
set --
[ -z "$s" ] || set -- "$@" Linux
[ -z "$n" ] || set -- "$@" {shlex.quote(node.name)}
[ -z "$r" ] || set -- "$@" {shlex.quote(node.kernel)}
[ -z "$v" ] || set -- "$@" {shlex.quote(version)}
[ -z "$m" ] || set -- "$@" {shlex.quote(node.arch)}
[ -z "$o" ] || set -- "$@" {system}
echo "$*\""""


def _hostname(node: DemoNode) -> str:
    return f"""case ${{1:-}} in
''|-s|--short|-f|--fqdn) echo {shlex.quote(node.name)};;
-I|-i) echo {node.address};;
*) echo "hostname: you must be root to change the host name" >&2; exit 1;;
esac"""


def _id(node: DemoNode) -> str:
    groups = f"{node.user} wheel" if node.kind == "nuc" else f"{node.user} adm sudo video"
    member = "1000({0}),10(wheel)" if node.kind == "nuc" else "1000({0}),4(adm),27(sudo),44(video)"
    return f"""if [ -n "${{{IS_ROOT}:-}}" ]; then case "$*" in
-un|-nu|-gn|-ng|-Gn|-nG) echo root;; -*) echo 0;; *) echo "uid=0(root) gid=0(root) groups=0(root)";;
esac; exit; fi
case "$*" in
-u|-g) echo 1000;;
-un|-nu|'-u -n'|-gn|-ng) echo {node.user};;
-Gn|-nG) echo {groups};;
*) echo "uid=1000({node.user}) gid=1000({node.user}) groups={member.format(node.user)}";;
esac"""


def _stat() -> str:
    """The files of a node belong to its account, as `id` says; on the host they are the person's who runs the demo."""
    return f"""PATH=${{PATH#*:}}
case "${{{IS_ROOT}:-}} $*" in
" -c %u "*) stat "$@" | sed 's/^{os.geteuid()} /{_ACCOUNT_UID} /';;
*) exec stat "$@";;
esac"""


def _date(at: datetime, skew_s: float) -> str:
    """The node's wall clock: the host's, moved by what the lab's clock and the node's own error differ from it."""
    ahead_s = (at - datetime.now(UTC)).total_seconds() + skew_s
    if abs(ahead_s) < CLOCK_FAST_S:
        return 'PATH=${PATH#*:} exec date "$@"'
    # Whole seconds, so that the script does not differ (and is not written anew) at every session.
    return f"""for a in "$@"; do case $a in -d*|--date*|-r*|-s*|--set*) PATH=${{PATH#*:}} exec date "$@";; esac; done
PATH=${{PATH#*:}}
exec date -d "@$(($(date +%s) + {round(ahead_s)}))" "$@\""""


def _df(node: DemoNode) -> str:
    """`df -Pk` of the root file system and its small neighbours."""
    rows = [("Filesystem", "1024-blocks", "Used", "Available", "Capacity", "Mounted on")]
    total_kb = node.disk_bytes // 1024 * 97 // 100
    used_kb = node.disk_used_bytes() // 1024
    # ext4 keeps 5 % for root; XFS keeps nothing.
    reserved_kb = 0 if node.kind == "nuc" else total_kb // 20
    root, boot = ("/dev/mapper/rl-root", "/boot") if node.kind == "nuc" else ("/dev/mmcblk0p2", "/boot/firmware")
    boot_device = "/dev/nvme0n1p2" if node.kind == "nuc" else "/dev/mmcblk0p1"
    tmpfs_kb = node.memory_bytes // 1024 // 5
    for device, size, used, free, where in (
        (root, total_kb, used_kb, total_kb - used_kb - reserved_kb, "/"),
        (boot_device, 258_095, 142_031, 116_064, boot),
        ("tmpfs", tmpfs_kb, 1_904, tmpfs_kb - 1_904, "/run"),
    ):
        percent = -(-used * 100 // (used + free))
        rows.append((device, str(size), str(used), str(free), f"{percent}%", where))
    return "".join(f"{a:<20} {b:>11} {c:>9} {d:>9} {e:>8} {f}\n" for a, b, c, d, e, f in rows)


def _lsblk(node: DemoNode) -> str:
    gib, size = 1 << 30, node.disk_bytes

    def row(
        name: str, kind: str, bytes_: int, fstype: str | None, where: str | None, **more: object
    ) -> dict[str, object]:
        facts: dict[str, object] = {"name": name, "type": kind, "size": bytes_, "fstype": fstype, "mountpoint": where}
        return facts | {"model": None, "rota": False, "rm": False, "tran": None} | more

    if node.kind == "nuc":
        disk = row("nvme0n1", "disk", size, None, None, model=NVME_MODEL, tran="nvme")
        lvm = row("nvme0n1p3", "part", size - 2 * gib, "LVM2_member", None, tran="nvme")
        lvm["children"] = [row("rl-root", "lvm", size - 2 * gib, "xfs", "/")]
        efi = row("nvme0n1p1", "part", gib, "vfat", "/boot/efi", tran="nvme")
        disk["children"] = [efi, row("nvme0n1p2", "part", gib, "xfs", "/boot", tran="nvme"), lvm]
    else:
        disk = row("mmcblk0", "disk", size, None, None)
        boot = row("mmcblk0p1", "part", gib // 4, "vfat", "/boot/firmware")
        disk["children"] = [boot, row("mmcblk0p2", "part", size - gib // 4, "ext4", "/")]
    document = json.dumps({"blockdevices": [disk]}, indent=3)
    plain = f"NAME MAJ:MIN RM SIZE RO TYPE MOUNTPOINTS\n{disk['name']} 259:0 0 {size} 0 disk"
    return f"case \" $* \" in *J*) cat <<'END'\n{document}\nEND\n;; *) cat <<'END'\n{plain}\nEND\n;; esac"


def _ip(node: DemoNode) -> str:
    name = interface(node)
    loopback = {"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host", "label": "lo"}
    broadcast = str(IPv4Address(int(IPv4Address(node.address)) | 0xFF))
    wired = {"family": "inet", "local": node.address, "prefixlen": 24, "broadcast": broadcast, "scope": "global"}
    document = [
        {
            "ifindex": 1,
            "ifname": "lo",
            "flags": ["LOOPBACK", "UP", "LOWER_UP"],
            "mtu": 65536,
            "operstate": "UNKNOWN",
            "link_type": "loopback",
            "address": "00:00:00:00:00:00",
            "addr_info": [loopback],
        },
        {
            "ifindex": 2,
            "ifname": name,
            "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
            "mtu": 1500,
            "operstate": "UP",
            "link_type": "ether",
            "address": node.mac,
            "addr_info": [wired | {"label": name}],
        },
    ]
    lines = f"1: lo    inet 127.0.0.1/8 scope host lo\n2: {name}    inet {node.address}/24 scope global {name}"
    return f"""case " $* " in
*" a"*) case " $* " in *" -j "*) cat <<'END'
{json.dumps(document)}
END
;; *) cat <<'END'
{lines}
END
;; esac;;
*) echo "RTNETLINK answers: Operation not permitted" >&2; exit 2;;
esac"""


def _timedatectl(skew_s: float) -> str:
    synchronised = "no" if abs(skew_s) > CLOCK_FAST_S else "yes"
    return f"""printf 'Timezone=UTC\\nNTP=yes\\nNTPSynchronized={synchronised}\\n'"""


def _vcgencmd(root: Path) -> str:
    firmware = shlex.quote(str(root / "sys/devices/platform/soc/soc:firmware/get_throttled"))
    zone = shlex.quote(str(root / "sys/class/thermal/thermal_zone0/temp"))
    return f"""case ${{1:-}} in
get_throttled) echo "throttled=0x$(cat {firmware})";;
measure_temp) t=$(cat {zone}); echo "temp=$((t / 1000)).$((t % 1000 / 100))'C";;
*) echo 'error=1 error_msg="Command not registered"'; exit 255;;
esac"""
