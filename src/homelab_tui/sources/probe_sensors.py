"""Temperature, throttling and PoE HAT of a node, from the sections of a probe. Pure."""

import re

from homelab_tui.domain.nodes import Fan, PoeHat
from homelab_tui.sources.probe_answers import ProbeAnswer, natural, tidy, whole
from homelab_tui.sources.probe_hardware import DEVICE_TREE

_CPU_ZONE = re.compile(r"cpu|soc|pkg|package|core", re.IGNORECASE)
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "soc_thermal")
_THROTTLED = re.compile(r"^throttled=0x([0-9a-fA-F]{1,8})$")
_THROTTLED_BITS = ("under-voltage", "frequency-capped", "throttled", "soft-temperature-limit")
_FAN = re.compile(r"^(pwm-?fan|rpi-?poe-?fan|gpio-fan)\b", re.IGNORECASE)
_WIDEST = 255
"""The widest pulse of hwmon's `pwm1`."""
_HEXADECIMAL = re.compile(r"^(?:0x)?[0-9a-fA-F]{1,8}$")


def temperature_c(answer: ProbeAnswer) -> float | None:
    """The CPU's temperature: its thermal zone, else its sensor chip. A board's or a disk's is none."""
    zones = answer.below("/sys/class/thermal")
    for name in sorted(zones):
        told = zones[name]
        if name.startswith("thermal_zone") and _CPU_ZONE.search(told.get("type", "")):
            found = _celsius(told.get("temp"))
            if found is not None:
                return found
    chips = answer.below("/sys/class/hwmon")
    for wanted in _CPU_CHIPS:
        for name in sorted(chips):
            if chips[name].get("name") == wanted and (found := _celsius(chips[name].get("temp1_input"))) is not None:
                return found
    return None


def _celsius(text: str | None) -> float | None:
    thousandths = whole(text)
    return thousandths / 1000 if thousandths is not None and -40_000 <= thousandths <= 150_000 else None


def throttled(answer: ProbeAnswer) -> tuple[str, ...] | None:
    """What the firmware of a Raspberry Pi complains of, now and since boot; None where it does not tell.

    `vcgencmd` prints its error on stdout and exits with 0, so only its one good form counts.
    """
    bits = None
    for path in answer.files:
        if path.endswith(":firmware/get_throttled"):
            value = answer.line(path) or ""
            bits = int(value, 16) if _HEXADECIMAL.match(value) else None
    if bits is None:
        matches = [_THROTTLED.match(line.strip()) for line in answer.commands.get("throttled", ())]
        bits = next((int(match[1], 16) for match in matches if match), None)
    if bits is None:
        return _under_voltage(answer)
    now = [name for bit, name in enumerate(_THROTTLED_BITS) if bits >> bit & 1]
    before = [f"{name}-since-boot" for bit, name in enumerate(_THROTTLED_BITS, start=16) if bits >> bit & 1]
    return (*now, *before)


def _under_voltage(answer: ProbeAnswer) -> tuple[str, ...] | None:
    """The rpi_volt sensor, found by its name: all that a mainline kernel tells."""
    for told in answer.below("/sys/class/hwmon").values():
        if told.get("name") == "rpi_volt" and told.get("in0_lcrit_alarm") in ("0", "1"):
            return ("under-voltage",) if told["in0_lcrit_alarm"] == "1" else ()
    return None


def poe_hat(answer: ProbeAnswer) -> PoeHat | None:
    """The PoE HAT: its driver's figures, or at least its name where the HAT's EEPROM says PoE."""
    product, vendor, version = (answer.line(f"{DEVICE_TREE}/hat/{key}") for key in ("product", "vendor", "product_ver"))
    for path, lines in answer.files.items():
        if not (path.startswith("/sys/class/power_supply/") and path.endswith("/uevent")):
            continue
        told = {
            key.removeprefix("POWER_SUPPLY_"): value
            for key, separator, value in (word.partition("=") for word in " ".join(lines).split())
            if separator
        }
        if told.get("NAME") == "rpi-poe" or "/rpi-poe" in path:
            return PoeHat(
                product=product,
                online={"1": True, "0": False}.get(told.get("ONLINE", "")),
                current_ma=_milli(told.get("CURRENT_NOW")),
                current_max_ma=_milli(told.get("CURRENT_MAX")),
                health=tidy(told.get("HEALTH")),
                vendor=vendor,
                version=version,
            )
    hat = PoeHat(product=product, vendor=vendor, version=version)
    return hat if product is not None and "poe" in product.casefold() else None


def fan(answer: ProbeAnswer) -> Fan | None:
    """The fan of a PoE HAT or of a Pi's case: its cooling device, and its pulse width where the driver tells it."""
    level, levels, duty = None, None, None
    for name, told in sorted(answer.below("/sys/class/thermal").items()):
        if name.startswith("cooling_device") and _FAN.search(told.get("type", "")):
            level, levels = natural(told.get("cur_state")), natural(told.get("max_state"))
            break
    for _, told in sorted(answer.below("/sys/class/hwmon").items()):
        width = natural(told.get("pwm1"))
        if width is not None and width <= _WIDEST and _FAN.search(told.get("name", "")):
            duty = round(100 * width / _WIDEST)
            break
    return None if level is None and duty is None else Fan(level, levels, duty)


def _milli(microamperes: str | None) -> int | None:
    found = natural(microamperes)
    return None if found is None else round(found / 1000)
