"""Where the program keeps what it writes."""

import os
from pathlib import Path


def state_dir() -> Path:
    """`$XDG_STATE_HOME/homelab`: journal, activity log, log, pre-images, last mappings."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "homelab"
