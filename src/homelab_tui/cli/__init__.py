"""The `homelab` command. Parsing is light; each subcommand imports what it needs when it runs."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from homelab_tui.cli.loops import leave
from homelab_tui.cli.output import EXIT_USAGE, fail
from homelab_tui.cli.parser import parse
from homelab_tui.domain.errors import ConfigError, UsageError


def entry() -> NoReturn:
    """The console script: `main`, and then out."""
    leave(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status of the contract (0 done, 1 a target failed, 2 usage, 3 no source)."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        status: int = options.run(options)
    except (ConfigError, UsageError) as error:
        return fail(str(error), EXIT_USAGE, as_json=getattr(options, "json", False))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): there is nobody left to tell, at the exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
