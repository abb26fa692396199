"""`python -m homelab_tui` is the `homelab` command."""

from homelab_tui.cli import entry

if __name__ == "__main__":
    entry()
