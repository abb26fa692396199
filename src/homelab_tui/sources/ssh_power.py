"""Ending a node's system over SSH: it is asked to boot anew."""

from homelab_tui.domain.errors import SourceGarbled, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.sources.ssh_routes import printable
from homelab_tui.sources.ssh_sessions import Session

REBOOT = (
    'PATH="$PATH:/usr/sbin:/sbin"; '
    'if [ "$(id -u)" = 0 ]; then s=; else s="sudo -n"; fi; '
    "if command -v systemctl >/dev/null 2>&1; then $s systemctl reboot; else $s reboot; fi"
)
"""Root as it is, anybody else by sudo without a question; busybox systems have no systemctl."""
_LOST_STATUS = 255


def ask_for_reboot(session: Session) -> None:
    """Asks, and takes a link that breaks while the command runs for what it is: the node obeys.

    Raises: SourceRefused when sudo wants a password or the command fails; SourceError when there is no session.
    """
    session.run("true")  # whatever is wrong with the session itself is told here, before anything was asked
    try:
        output = session.run(f"LC_ALL=C sh -c '{REBOOT}'")
    except (SourceUnreachable, SourceTimeout, SourceGarbled):
        return
    exit_status = output.exit_status
    if exit_status is None or exit_status in (0, _LOST_STATUS) or exit_status > 128:  # ended by a signal: going down
        return
    said = printable(output.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2])
    if "password is required" in said or "a terminal is required" in said:
        raise SourceRefused(
            f"{session.where}: sudo wants a password: allow `systemctl reboot` there without one, or reboot by hand"
        )
    raise SourceRefused(f"{session.where}: the reboot was refused: {said or f'exit status {exit_status}'}")
