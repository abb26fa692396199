"""The embedded demo lab: a seeded home cluster that speaks real wire protocols on loopback."""
