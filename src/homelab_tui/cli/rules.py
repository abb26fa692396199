"""`homelab rules`: alert rules for Prometheus, and promtool's unit tests for them."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from homelab_tui.cli.init import write_file
from homelab_tui.cli.output import Exit, print_json, tell
from homelab_tui.domain.errors import UsageError
from homelab_tui.present.rules import promtool_document, rules_document

_RULE_FILE = "homelab-rules.yaml"


def run(options: argparse.Namespace) -> int:
    """Nothing is read and nothing contacted. Exit 2, and nothing written, when an output is there already."""
    label = options.namespace_label
    if not (label.isascii() and label.isidentifier()):
        raise UsageError(f"--namespace-label {label}: a label's name has letters, digits and _ only")
    output, tests = (_path(given) for given in (options.output, options.test_output))
    if tests is not None and tests == output:
        raise UsageError("--output and --test-output are the same file")
    for target in (output, tests):
        if target is not None and not options.force and os.path.lexists(target):
            raise UsageError(f"{target} is there already: --force overwrites it")
    rules = rules_document(label)
    if output is not None:
        _write(output, rules, options.force)
    if tests is not None:
        rule_file = os.path.relpath(output, tests.parent) if output is not None else _RULE_FILE
        _write(tests, promtool_document(rule_file, label), options.force)
    if options.json:
        print_json({"path": _text(output), "test_path": _text(tests), "rules": rules})
    elif output is None:
        sys.stdout.write(_yaml(rules))
        sys.stdout.flush()
    return int(Exit.DONE)


def _path(given: str | None) -> Path | None:
    return None if given is None or given == "-" else Path(given).expanduser()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _write(target: Path, document: dict[str, object], force: bool) -> None:
    write_file(target, _yaml(document), overwrite=force)
    tell(f"homelab: {target} is written")


def _yaml(document: dict[str, object]) -> str:
    """YAML with multi-line expressions as blocks, so that a person can read them."""
    import yaml  # a parser of 40 ms that no other command of this module needs

    class Dumper(yaml.SafeDumper):
        """The safe dumper; its only difference is how a text of several lines is written."""

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True))
