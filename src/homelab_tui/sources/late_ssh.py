"""SSH that is imported when it is first asked something: forty modules that no screen has to wait for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from homelab_tui.config.model import KeysConfig, SshConfig

if TYPE_CHECKING:
    from homelab_tui.sources.ssh import SshSource


def late_ssh(ssh: SshConfig, keys: KeysConfig) -> "SshSource":
    """The same as `SshSource(ssh, keys)`, later."""

    def make() -> "SshSource":
        from homelab_tui.sources.ssh import SshSource

        return SshSource(ssh, keys)

    return cast("SshSource", _Late(make))


class _Late:
    """Makes what it stands for at the first call of one of its methods, and not to close it."""

    def __init__(self, make: "Callable[[], SshSource]") -> None:
        self._make = make
        self._made: SshSource | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object, **named: object) -> Any:
            if self._made is None:
                self._made = self._make()
            return getattr(self._made, name)(*arguments, **named)

        return call

    def forget(self) -> None:
        """What was never asked knows nothing."""
        if self._made is not None:
            self._made.forget()

    async def close(self) -> None:
        """What was never asked holds nothing open."""
        if self._made is not None:
            await self._made.close()
