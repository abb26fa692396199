"""What an administrator of a demo node may do: sudo without a password, reboot, and ask sshd for its configuration.

A session runs as whoever runs the demo, perhaps as root. So sudo obeys a list of programs that the node itself answers,
and refuses every other one in sudo's own words: it never runs anything with more rights on the machine below.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from homelab_tui.demo.hardware import DemoNode

IS_ROOT = "HOMELAB_DEMO_SUDO"
"""Set in the environment of what sudo runs: the node's own programs believe it."""
_ALLOWED = (
    "true false id whoami sshd systemctl reboot poweroff halt shutdown hostname uname ip df lsblk who timedatectl"
)
_BUS = "Interactive authentication required."


@dataclass(frozen=True, slots=True)
class Administration:
    """How a node's programs reach the world, and what its sshd says of itself."""

    control: Path | None = None
    """A FIFO that takes lines `reboot|halt|cancel NODE SECONDS`; None: nothing can be rebooted."""
    password_login: bool = False
    port: int = 22


def admin_scripts(node: DemoNode, admin: Administration) -> dict[str, str]:
    """Name -> script (without its first line) of sudo, sshd and everything that ends the machine."""
    ask = f'printf \'%s {node.name} %s\\n\' "$1" "$2" >{shlex.quote(str(admin.control))}' if admin.control else "false"
    allowed = f'[ -n "${{{IS_ROOT}:-}}" ]'
    scripts = {
        "sudo": _sudo(node),
        "sshd": f"{allowed} || {{ echo 'sshd: no hostkeys available -- exiting.' >&2; exit 1; }}\n{_sshd(node, admin)}",
        "systemctl": f"ask() {{ {ask}; }}\n{_SYSTEMCTL.replace('@ROOT@', allowed)}",
        "shutdown": f"ask() {{ {ask}; }}\n{_SHUTDOWN.replace('@ROOT@', allowed)}",
    }
    for name, verb in (("reboot", "reboot"), ("poweroff", "halt"), ("halt", "halt")):
        refused = f'echo "Failed to {name} system via logind: {_BUS}" >&2; exit 1'
        scripts[name] = f"ask() {{ {ask}; }}\n{allowed} || {{ {refused}; }}\nask {verb} 0"
    return scripts


_SYSTEMCTL = f"""verb=
for a in "$@"; do case $a in -*) ;; *) [ -n "$verb" ] || verb=$a;; esac; done
case $verb in
is-system-running) echo running;;
is-active) echo active;;
is-enabled) echo enabled;;
''|list-units) case " $* " in *" --failed "*) ;; *) echo "0 loaded units listed.";; esac;;
reboot|poweroff|halt)
 @ROOT@ || {{ echo "Failed to $verb system via logind: {_BUS}" >&2; exit 1; }}
 case $verb in reboot) ask reboot 0;; *) ask halt 0;; esac;;
reload|restart|start|stop|try-restart|daemon-reload)
 @ROOT@ || {{ echo "Failed to $verb: {_BUS}" >&2; exit 1; }};;
*) echo "Failed to connect to bus: {_BUS}" >&2; exit 1;;
esac"""

_SHUTDOWN = f"""verb=halt when=+1
for a in "$@"; do case $a in
-c) verb=cancel when=now;;
-r|--reboot) [ $verb = cancel ] || verb=reboot;;
-*) ;;
now|+[0-9]*) when=$a;;
esac; done
@ROOT@ || {{ echo "Failed to set wall message, ignoring: {_BUS}" >&2
 echo "Failed to call ScheduleShutdown in logind, proceeding with immediate shutdown: {_BUS}" >&2; exit 1; }}
[ "$when" = now ] && s=0 || s=$((${{when#+}} * 60))
ask $verb $s"""


def _sudo(node: DemoNode) -> str:
    version = "1.9.5p2" if node.kind == "nuc" else "1.9.11p3"
    return f"""edit=
while [ $# -gt 0 ]; do case $1 in
-v|--validate) exit 0;;
-V|--version) echo "Sudo version {version}"; exit 0;;
-l|--list) echo "User {node.user} may run the following commands on {node.name}:"
 echo "    (ALL) NOPASSWD: ALL"; exit 0;;
-k|-K) edit=1; shift;;
-u|-g|-p|-C|-D|-R|-T|-h|-U) shift; [ $# -eq 0 ] || shift;;
--) shift; break;;
-*) shift;;
[A-Za-z_]*=*) shift;;
*) break;;
esac; done
if [ $# -eq 0 ]; then
 [ -z "$edit" ] || exit 0
 echo "usage: sudo -h | -K | -k | -V" >&2; exit 1
fi
name=${{1##*/}}
for one in {_ALLOWED}; do if [ "$one" = "$name" ]; then
 shift
 {IS_ROOT}=1 exec "$name" "$@"
fi; done
command -v "$1" >/dev/null 2>&1 || {{ echo "sudo: $1: command not found" >&2; exit 1; }}
echo "Sorry, user {node.user} is not allowed to execute '$*' as root on {node.name}." >&2
exit 1"""


def _sshd(node: DemoNode, admin: Administration) -> str:
    """`-t` is silent, `-T` prints the lines of the effective configuration that people ask for."""
    red_hat = node.os_id == "rocky"
    files = ".ssh/authorized_keys" + ("" if red_hat else " .ssh/authorized_keys2")
    lines = [
        f"port {admin.port}",
        "addressfamily any",
        "listenaddress 0.0.0.0:22",
        "usepam yes",
        "logingracetime 30",
        "x11forwarding yes",
        "maxauthtries 6",
        "maxsessions 10",
        "permitrootlogin without-password",
        "pubkeyauthentication yes",
        f"passwordauthentication {'yes' if admin.password_login else 'no'}",
        "kbdinteractiveauthentication no",
        "gssapiauthentication " + ("yes" if red_hat else "no"),
        "strictmodes yes",
        "permitemptypasswords no",
        "allowtcpforwarding yes",
        "maxstartups 10:30:100",
        f"authorizedkeysfile {files}",
        "authorizedkeyscommand none",
        "authorizedkeyscommanduser none",
        "authorizedprincipalsfile none",
        "trustedusercakeys none",
        "revokedkeys none",
        "subsystem sftp " + ("/usr/libexec/openssh/sftp-server" if red_hat else "/usr/lib/openssh/sftp-server"),
    ]
    body = "\n".join(lines)
    return f"""case " $* " in
*" -t "*) exit 0;;
*" -T "*) cat <<'END'
{body}
END
;;
*" -V "*) echo "OpenSSH, OpenSSL 3.0.1 14 Dec 2021" >&2;;
*) echo "sshd: another one is listening already" >&2; exit 255;;
esac"""
