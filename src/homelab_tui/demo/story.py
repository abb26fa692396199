"""The demo's first two minutes: rpi03 browns out, its backup fails on it, an alert follows."""

from homelab_tui.demo.hardware import THROTTLED, UNDER_VOLTAGE
from homelab_tui.demo.programs import failed_run
from homelab_tui.demo.site import DemoSite

VICTIM = "rpi03"
BROWN_OUT_S = 12.0
"""From the lab's start to the under-voltage."""
CARD_ERROR_S = 3.0
"""From the under-voltage to the backup's I/O error."""

STRAIN_MW = 5600
"""What the failing PoE HAT draws more: nearly twice as much as its neighbours on the switch."""


class Story:
    """Told on the clock of the Pi cluster. Cycling the victim's port cures it: the next backup succeeds."""

    def __init__(self, site: DemoSite) -> None:
        self.site = site
        self.world = site.cluster.world

    def begin(self) -> None:
        """Arm the first scene."""
        if VICTIM in self.world.nodes:
            self.site.cluster.after(BROWN_OUT_S, self._brown_out)

    def _brown_out(self) -> None:
        if not self.world.is_up(VICTIM):
            return  # somebody switched it off before its scene
        self.world.set_throttled(VICTIM, UNDER_VOLTAGE | THROTTLED)
        port = self.world.nodes[VICTIM].port
        if port is not None:
            self.world.count_fault(port, overload=1)
            self.world.strain(port, STRAIN_MW)
        node = self.site.cluster.store.body("nodes", "", VICTIM)
        if node is not None:
            message = "Under-voltage detected! (0x00050005)"
            self.site.cluster.record(node, "KernelWarning", message, source="node-problem-detector", warning=True)
        self.site.cluster.after(CARD_ERROR_S, self._card_error)

    def _card_error(self) -> None:
        if not self.world.nodes[VICTIM].throttled & UNDER_VOLTAGE:
            return
        for stored in self.site.cluster.store.unordered("pods"):
            pod = stored.body
            on_victim = pod["spec"].get("nodeName") == VICTIM and pod["status"]["phase"] == "Running"
            if on_victim and pod["spec"]["containers"][0]["name"] == "sd-image":
                key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
                self.site.kubelet.end_now(key, failed_run("sd-image", 1.0))
