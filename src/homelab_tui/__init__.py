"""One terminal screen for a home cluster: its hardware, its SSH keys and its failed Jobs."""

__version__ = "0.1.0"
