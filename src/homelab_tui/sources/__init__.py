"""One module per wire, with a pure parser beside it. Sources know the engine's Protocols only by shape."""
