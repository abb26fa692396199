"""Reading somebody's text file, with every reason why not as one sentence."""

from pathlib import Path

from homelab_tui.domain.errors import ConfigError, ConfigProblem

LARGEST_BYTES = 16_000_000


def read_text(path: Path) -> str:
    """The text, with Unix line ends. Raises: ConfigError with the file, and the line of a byte that is no text."""
    line = None
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            message = f"is larger than {LARGEST_BYTES // 10**6} MB: is this the right file?"
        else:
            return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        message = "there is no such file"
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        message, line = "is not UTF-8 text", error.object[: error.start].count(b"\n") + 1
    raise ConfigError((ConfigProblem(str(path), line, "", message),))
