"""Runs the benchmarks of this package, each under its own heading."""

import importlib
import pkgutil
import sys
import time
import traceback

import bench


def names() -> tuple[str, ...]:
    """Every benchmark here, in alphabetical order. Modules that start with an underscore are shared tools."""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))
    )


def main(wanted: list[str]) -> int:
    """Exit code 0 when every benchmark ran to its end, 1 when one did not, 2 when a name is unknown."""
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted or known:
        started = time.monotonic()
        try:
            module = importlib.import_module(f"bench.{name}")
            if not wanted and getattr(module, "ONLY_WHEN_ASKED", False):
                continue
            title = (module.__doc__ or "").strip().partition("\n")[0]
            print(f"\n== {name}: {title}", flush=True)
            module.main()
        except Exception:  # the other figures are still worth having
            traceback.print_exc()
            failed.append(name)
        print(f"   ({time.monotonic() - started:.1f} s)", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
