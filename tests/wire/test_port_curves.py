"""What a port gave, as the lab's Prometheus tells it for each make of its switch."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.load import load_config
from homelab_tui.wiring import build_lab
from tests.fakes import FakeClock
from tests.labs import start_lab, until


@pytest.mark.parametrize(
    "make",
    [{}, {"switch_profile": "tp-link"}, {"switch_source": "unifi"}, {"switch_source": "routeros"}],
    ids=["netgear", "tp-link", "unifi", "routeros"],
)
async def test_the_curve_of_a_port_is_the_prometheus_and_its_last_value_the_switchs_own(
    tmp_path: Path, make: dict[str, Any]
) -> None:
    async with start_lab(ssh=False, interval_s=0.2, **make) as served:
        config = load_config(str(served.write_config(tmp_path / "lab.toml")))
        later = FakeClock(served.world.clock.now() + timedelta(seconds=60))  # the newest slot is one that is over
        lab = build_lab(config, later)
        try:
            source = lab.sources.switches[0]
            port = next(one for one in (await source.read()).ports if one.ref.port == 2)
            empty = next(one for one in (await source.read()).ports if one.ref.port == 7)

            async def drawn() -> object:
                return (await lab.memory.port_curves(lab.store.state, port)).port_w

            curve = await until(drawn)
            nothing = (await lab.memory.port_curves(lab.store.state, empty)).port_w
        finally:
            await lab.close()
    assert (curve.witness, curve.known) == ("Prometheus pi", 240)
    assert port.power_mw is not None
    assert curve.values[-1] == pytest.approx(port.power_mw / 1000, abs=1.5)
    assert nothing is not None
    assert nothing.values[-1] == 0.0
