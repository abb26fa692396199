"""The Alertmanager that Debian ships tells its version."""

import asyncio
import socket
from pathlib import Path

from homelab_tui.config.model import AlertmanagerConfig
from homelab_tui.domain.errors import SourceError
from homelab_tui.sources.alertmanager import AlertmanagerSource
from tests.labs import until
from tests.servers import require_binary


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_real_alertmanager_behind_a_path_prefix_tells_its_version(tmp_path: Path) -> None:
    program = require_binary("prometheus-alertmanager")
    (tmp_path / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--web.listen-address={address}", "--cluster.listen-address=", "--web.route-prefix=/am"]
    options += [f"--config.file={tmp_path / 'am.yml'}", f"--storage.path={tmp_path / 'data'}"]
    with (tmp_path / "log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(program, *options, stdout=log, stderr=log)
    source = AlertmanagerSource(AlertmanagerConfig(url=f"http://{address}/am"))

    async def version() -> str | None:
        assert server.returncode is None, (tmp_path / "log").read_text()
        try:
            return await source.check()
        except SourceError:
            return None

    try:
        assert (await until(version, 20)).startswith("0.")
    finally:
        await source.close()
        server.terminate()
        await server.wait()
