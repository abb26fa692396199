"""One module per wire, with a pure parser beside it. Sources know the engine's Protocols only by shape."""

import sys

# Wherever click is installed, httpx imports its command line too, with click and the lexers of Pygments: 80 ms and
# 2 MB that nobody here uses. It is ready to do without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# paramiko would run `Match exec` of an ssh configuration with it: 45 modules, 7 MB and 90 ms in every first login.
# Where there is no ssh client, `ssh_routes` has something else in its place.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
