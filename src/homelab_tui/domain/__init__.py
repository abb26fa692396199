"""What a homelab is, in plain frozen values: no I/O, no library but the standard one."""
