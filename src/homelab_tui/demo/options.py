"""What a demo lab is made of: the options of its servers, its world and its clusters."""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Self

from homelab_tui.demo.scraper import ScrapeOptions
from homelab_tui.demo.site import SiteOptions

if TYPE_CHECKING:  # pysnmp is heavy, and a lab without a switch does not need it
    from homelab_tui.demo.snmp_vendors import Profile
    from homelab_tui.demo.switch_exporter import Exporter


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What a lab is made of."""

    seed: int = 1
    nodes: int = 8
    story: bool = True
    """True: rpi03 browns out 12 s after the start, and nuc02 has lost a memory module."""
    boot_s: float = 4.0
    search_s: float = 2.0
    tls: bool = True
    ssh: bool = True
    """False: no SSH servers (a test that needs none starts faster); the config has no nodes then."""
    snmp: bool = True
    switch_source: Literal["snmp", "unifi", "routeros"] = "snmp"
    """How the one switch is reached: as an SNMP agent, through a UniFi console, or as a MikroTik."""
    snmp_version: Literal["2c", "3"] = "2c"
    """How the config speaks to the switch; the switch speaks both."""
    switch_profile: "Profile" = "netgear"
    """"tp-link": a switch without RFC 3621, with TP-Link's own table."""
    bastion: bool = False
    """True: the config reaches the NUCs through a jump host, as a kubespray user's ssh configuration does."""
    site: SiteOptions = field(default_factory=SiteOptions)

    @property
    def switch_exporter(self) -> "Exporter":
        """What tells a Prometheus of the switch: of the same make as the switch itself."""
        return self.switch_profile if self.switch_source == "snmp" else self.switch_source

    @classmethod
    def of(cls, **settings: Any) -> Self:
        """Options from the flat names of this class, `SiteOptions` and `ScrapeOptions`: `of(jobs=1000, interval_s=1)`.

        Raises: TypeError for a name that none of them has.
        """

        def taken(kind: type) -> dict[str, Any]:
            return {item.name: settings.pop(item.name) for item in fields(kind) if item.name in settings}

        scrape, site = ScrapeOptions(**taken(ScrapeOptions)), taken(SiteOptions)
        options = cls(**{"site": SiteOptions(**{"scrape": scrape, **site}), **taken(cls)})
        if settings:
            raise TypeError(f"the lab has no option {', '.join(settings)}")
        return options
