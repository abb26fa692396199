"""What a start may not cost, and what a layer may not drag in. lint-imports reads the source; this runs it."""

import importlib.util
import subprocess
import sys

import pytest

HEAVY = ("httpx", "kubernetes", "paramiko", "pysnmp", "aiohttp", "requests", "cryptography", "pydantic", "yaml")
"""Libraries that together cost a second before the first paint (facts measured with textual 8.2)."""

LIGHT_LAYERS = ("cli", "config", "commands", "domain", "present", "ui.app")

HEADLESS_LAYERS = ("config", "commands", "domain", "present", "engine", "wiring")

ON_DEMAND = {"homelab_tui.sources.http_wire", "homelab_tui.sources.ssh_packets"}
"""Built on a wire library, and imported in the function that imports that one."""

PROBE = f"""
import importlib, pkgutil, sys
on_demand = {ON_DEMAND}
name, *unwanted = sys.argv[1:]
module = importlib.import_module(name)
for found in pkgutil.walk_packages(getattr(module, "__path__", []), name + "."):
    if found.name not in on_demand:
        importlib.import_module(found.name)
print(*sorted(set(unwanted) & set(sys.modules)))
"""


def loaded_by_importing(layer: str, unwanted: tuple[str, ...]) -> str:
    """Those of the unwanted modules that a fresh interpreter has loaded once it imported all of a layer."""
    command = [sys.executable, "-c", PROBE, f"homelab_tui.{layer}", *unwanted]
    probe = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert probe.returncode == 0, probe.stderr
    return probe.stdout.strip()


@pytest.mark.parametrize("layer", LIGHT_LAYERS)
def test_no_wire_library_is_imported_before_the_first_paint(layer: str) -> None:
    assert loaded_by_importing(layer, HEAVY) == ""


def test_the_first_frame_is_painted_without_what_fills_it() -> None:
    """`ui.app` and the command line that opens it: engine, words and panes come after the first paint."""
    later = ("homelab_tui.engine", "homelab_tui.present.documents", "homelab_tui.ui.main_screen", "homelab_tui.wiring")
    assert loaded_by_importing("ui.app", (*HEAVY, *later)) == ""
    assert loaded_by_importing("cli.dashboard", (*HEAVY, *later, "textual")) == ""


@pytest.mark.parametrize("layer", HEADLESS_LAYERS)
def test_the_layers_below_the_screen_run_without_textual(layer: str) -> None:
    assert loaded_by_importing(layer, ("textual",)) == ""


def test_nobody_pays_for_the_command_line_of_httpx() -> None:
    """It is imported wherever click is installed: here."""
    assert loaded_by_importing("wiring", HEAVY) == ""
    assert loaded_by_importing("sources", ("httpx", "click")) == ""
    assert importlib.util.find_spec("click") is not None
    code = "import homelab_tui.sources, httpx, sys; print('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"


def test_nobody_pays_for_what_paramiko_runs_commands_with() -> None:
    code = (
        "import homelab_tui.sources, paramiko, sys; print([name for name in sys.modules if name.startswith('invoke.')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"[]\n"


def test_the_probe_notices_a_heavy_import() -> None:
    assert loaded_by_importing("cli", ("argparse", "homelab_tui")) != ""
