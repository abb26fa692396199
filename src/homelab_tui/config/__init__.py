"""The configuration file: its typed model, its loader, its keymap."""
