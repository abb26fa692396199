"""A secret that cannot be printed by accident."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, token or community. Its text is in no repr, str, log or error; only `reveal()` gives it."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself. Call it at the wire, as late as possible, and keep no copy."""
        return self._text

    def __str__(self) -> str:
        return "********"
