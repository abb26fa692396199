"""Dialogs and full screens, each imported when it is first opened: the dashboard does not wait for them to start."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab_tui.ui.screens.ask import AskScreen as AskScreen
    from homelab_tui.ui.screens.compare import CompareScreen as CompareScreen
    from homelab_tui.ui.screens.confirm import ConfirmScreen as ConfirmScreen
    from homelab_tui.ui.screens.delete import DeleteScreen as DeleteScreen
    from homelab_tui.ui.screens.help import HelpScreen as HelpScreen
    from homelab_tui.ui.screens.incidents import IncidentsScreen as IncidentsScreen
    from homelab_tui.ui.screens.limits import LimitsScreen as LimitsScreen
    from homelab_tui.ui.screens.log import LogScreen as LogScreen
    from homelab_tui.ui.screens.new_key import NewKeyScreen as NewKeyScreen
    from homelab_tui.ui.screens.password import NewPasswordScreen as NewPasswordScreen
    from homelab_tui.ui.screens.password import PasswordScreen as PasswordScreen
    from homelab_tui.ui.screens.pick import PickScreen as PickScreen
    from homelab_tui.ui.screens.revoke import RevokeScreen as RevokeScreen
    from homelab_tui.ui.screens.silence import SilenceScreen as SilenceScreen
    from homelab_tui.ui.screens.story import Section as Section
    from homelab_tui.ui.screens.story import StoryScreen as StoryScreen
    from homelab_tui.ui.screens.text import TextScreen as TextScreen
    from homelab_tui.ui.screens.trust import TrustScreen as TrustScreen

_PLACES = {
    "AskScreen": "ask",
    "CompareScreen": "compare",
    "ConfirmScreen": "confirm",
    "DeleteScreen": "delete",
    "HelpScreen": "help",
    "IncidentsScreen": "incidents",
    "LimitsScreen": "limits",
    "LogScreen": "log",
    "NewKeyScreen": "new_key",
    "NewPasswordScreen": "password",
    "PasswordScreen": "password",
    "PickScreen": "pick",
    "RevokeScreen": "revoke",
    "Section": "story",
    "SilenceScreen": "silence",
    "StoryScreen": "story",
    "TextScreen": "text",
    "TrustScreen": "trust",
}


def __getattr__(name: str) -> object:
    """A screen by the name of its class."""
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
