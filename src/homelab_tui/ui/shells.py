"""Opening a shell: the screen is put away, ssh has the terminal, and the screen comes back."""

import shutil
import signal
import subprocess
from collections.abc import Sequence

from textual.app import SuspendNotSupported
from textual.widget import Widget

from homelab_tui.domain.nodes import Node
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.shells import in_words, shell_argv
from homelab_tui.ui.notices import tell


def why_no_shell(lab: Lab) -> str | None:
    """Why no shell can be opened now: the program stands still meanwhile, so nothing may be on its way."""
    if lab.busy:
        return "something is on its way: a shell would hold it up"
    return None if shutil.which("ssh") else "there is no ssh client on this machine"


def open_shell(widget: Widget, lab: Lab, node: Node) -> None:
    """Suspend, `ssh`, return. Where the terminal cannot be handed over, the command is shown instead."""
    argv = shell_argv(lab.config.ssh, lab.store.state, node)
    try:
        with widget.app.suspend():
            status = _run(argv)
    except SuspendNotSupported:
        tell(widget, f"the terminal cannot be handed over here; run: {in_words(argv)}", severity="warning")
        return
    if status == 255:  # ssh's own failure, not the shell's exit status
        tell(widget, f"{node.name}: ssh failed; the command was: {in_words(argv)}", severity="error")
    lab.wake_node(node.name)


def _run(argv: Sequence[str]) -> int:
    """ctrl+c belongs to ssh while it runs: here it is heard and does nothing."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        return subprocess.run(argv, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
