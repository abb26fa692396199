"""Writes docs/config.md, docs/keys.md and the README's key table; with --check says which of them are stale.

Run from the checkout: `python -m scripts.generate_docs [--check]`.
"""

import re
import sys
from pathlib import Path

from scripts.config_page import config_page
from scripts.keys_page import key_table, keys_page

CHECKOUT = Path(__file__).resolve().parent.parent
MARKED = re.compile(r"(<!-- keys -->\n).*?(<!-- /keys -->)", re.DOTALL)


def main(arguments: list[str], checkout: Path = CHECKOUT) -> int:
    """Exit code 0 when the pages are written, or with `--check`: up to date."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    pages = {checkout / "docs" / "config.md": config_page(), checkout / "docs" / "keys.md": keys_page()}
    readme = checkout / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if not MARKED.search(text):
        print("README.md has no <!-- keys --> and <!-- /keys --> lines to put the key table between", file=sys.stderr)
        return 1
    pages[readme] = MARKED.sub(lambda match: f"{match[1]}{key_table()}\n{match[2]}", text)
    stale = [path for path, page in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != page]
    if arguments:
        for path in stale:
            print(f"{path.relative_to(checkout)} is stale: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
