"""SSH is there when it is asked something, and not before."""

import subprocess
import sys
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import SourceUnreachable
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.late_ssh import late_ssh

_NOBODY_ASKS = """
import asyncio, sys
from pathlib import Path
from homelab_tui.config.model import Config
from homelab_tui.domain.nodes import Node
from homelab_tui.wiring import build_lab

async def live() -> None:
    lab = build_lab(Config(nodes=(Node("nuc01", "192.0.2.1"),)))
    lab.wake()
    await lab.close()

asyncio.run(live())
print([name for name in sys.modules if name.startswith("homelab_tui.sources.ssh") or name == "paramiko"])
"""


def test_a_lab_that_nobody_asks_has_not_imported_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOBODY_ASKS],
        capture_output=True,
        text=True,
        check=True,
        env={"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == "[]\n", done.stderr


async def test_it_answers_as_the_source_itself_and_is_closed_as_it(tmp_path: Path) -> None:
    config = SshConfig(config=tmp_path / "ssh_config", known_hosts=tmp_path / "known_hosts")
    (tmp_path / "ssh_config").touch()
    source = late_ssh(config, KeysConfig(paths=(), agent=False))
    node = Node("nuc01", "127.0.0.1", port=1)
    assert await source.answers(node) is False
    assert await source.way(node) == ()
    source.forget()
    await source.close()
    with pytest.raises(SourceUnreachable, match="homelab is closing"):
        await source.answers(node)
