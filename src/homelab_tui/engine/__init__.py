"""The headless engine: asks the sources, keeps the state, carries out what was confirmed. Knows no terminal."""
