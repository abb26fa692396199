"""authorized_keys, read as sshd really reads it and edited without touching any other byte.

Everything here works on bytes: a comment may be Latin-1, a line may end in CR LF, and both must survive an edit.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from homelab_tui.domain.key_blobs import KEY_TYPES, BadKeyBlob, blob_bits, blob_type, decode_base64, fingerprint
from homelab_tui.domain.key_options import BadKeyOptions, KeyOptions, options_end, parse_key_options
from homelab_tui.domain.keys import CellState, KeyCell
from homelab_tui.domain.values import Frozen, replace

DEFAULT_FILE = ".ssh/authorized_keys"
NO_OPTIONS = KeyOptions()

_TYPE_ALTERNATIVES = "|".join(re.escape(key_type) for key_type in sorted(KEY_TYPES, key=len, reverse=True))
_KEY_INSIDE = re.compile(rf"(?P<type>{_TYPE_ALTERNATIVES})[ \t]+(?P<blob>[A-Za-z0-9+/]{{30,}}={{0,2}})")
_KEY_START = re.compile(rf"(?:{_TYPE_ALTERNATIVES})[ \t]+AAAA")
_BOM = "\u00ef\u00bb\u00bf"  # a byte order mark, seen through Latin-1


class LineKind(StrEnum):
    """What one line is to sshd."""

    KEY = "key"
    OTHER = "other"
    """Blank, or a comment."""
    BROKEN = "broken"
    """sshd passes over it."""


class Line(Frozen):
    """One line of the file."""

    number: int
    """1-based."""
    kind: LineKind
    key_type: str = ""
    blob: bytes = b""
    """The key of the line; for a broken line the key that it would be about, where one can be seen."""
    options_text: str | None = None
    options: KeyOptions = NO_OPTIONS
    comment: str = ""
    problem: str | None = None
    """Why sshd passes over the line, or what else is wrong with it: a sentence's end, after "line N: "."""

    def is_plain(self) -> bool:
        """Whether the key logs in with no conditions at all."""
        return self.kind is LineKind.KEY and not self.options_text

    def is_login(self) -> bool:
        """Whether the line is about logging in with this key (and not about certificates that it signed)."""
        return self.kind is LineKind.KEY and not self.options.is_ca

    def is_expired(self, now: datetime) -> bool:
        """Whether its expiry-time has passed at `now`, which should be the node's own clock."""
        return self.options.expires_at is not None and self.options.expires_at < now


def parse_authorized_keys(data: bytes, utc_offset: timedelta = timedelta()) -> tuple[Line, ...]:
    """Every line of the file. `utc_offset` is the node's, for expiry times without a zone."""
    raw_lines = data.split(b"\n")
    if raw_lines[-1] == b"":
        raw_lines.pop()
    return tuple(_parse_line(number, raw, utc_offset) for number, raw in enumerate(raw_lines, 1))


def read_cells(
    data: bytes,
    now: datetime,
    utc_offset: timedelta = timedelta(),
    *,
    file: str = DEFAULT_FILE,
    ignored: bool = False,
) -> tuple[tuple[KeyCell, ...], tuple[str, ...]]:
    """The keys of one file, one cell each in the order of their first line, and what is wrong with the file.

    `now` should be the node's clock: it is what sshd holds an expiry-time against. `ignored` says that sshd does not
    read the file at all (StrictModes), which makes every cell IGNORED.
    """
    lines = parse_authorized_keys(data, utc_offset)
    by_key: dict[tuple[str, bytes], list[Line]] = {}
    for line in lines:
        if line.kind is LineKind.KEY:
            by_key.setdefault((line.key_type, line.blob), []).append(line)
    cells = tuple(_cell(same, now, file, ignored) for same in by_key.values())
    problems = tuple(f"{file} line {line.number}: {line.problem}" for line in lines if line.problem)
    return cells, problems


def merge_cells(files: Iterable[tuple[KeyCell, ...]]) -> tuple[KeyCell, ...]:
    """The cells of all files that sshd reads for one account, one cell per key.

    A key that works from two files is a DUPLICATE; a file that sshd ignores does not count beside one that it reads.
    """
    merged: dict[str, KeyCell] = {}
    for cell in (cell for cells in files for cell in cells):
        known = merged.get(cell.fingerprint)
        if known is None or known.state is CellState.IGNORED:
            merged[cell.fingerprint] = cell
        elif cell.state is not CellState.IGNORED and CellState.CA not in (cell.state, known.state):
            merged[cell.fingerprint] = replace(known, state=CellState.DUPLICATE)
        elif known.state is CellState.CA and cell.state is not CellState.IGNORED:
            merged[cell.fingerprint] = cell
    return tuple(merged.values())


def lines_about(data: bytes, blob: bytes, utc_offset: timedelta = timedelta()) -> tuple[Line, ...]:
    """The lines that hold this key: those that sshd reads, and those that it passes over for their options."""
    return tuple(line for line in parse_authorized_keys(data, utc_offset) if line.blob == blob)


def with_key(data: bytes | None, line: bytes) -> bytes:
    """The file with one more line at its end; None is a file that does not exist yet.

    A missing final newline is added first: glued to an older line, the new key would be dead, and that line's too.
    """
    if b"\n" in line or b"\r" in line or b"\0" in line:
        raise ValueError("a line of authorized_keys holds no line break and no NUL")
    before = data or b""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    return before + line + b"\n"


def without_key(data: bytes, blob: bytes) -> bytes:
    """The file without the lines that are about this key: with options, expired or passed over, they go too.

    Lines that make the key a certificate authority stay: they are another right. Every other byte is as it was.
    """
    kept: list[bytes] = []
    for number, raw in enumerate(_raw_lines(data), 1):
        line = _parse_line(number, raw.removesuffix(b"\n"), timedelta())
        if line.blob != blob or line.options.is_ca:
            kept.append(raw)
    return b"".join(kept)


def _raw_lines(data: bytes) -> list[bytes]:
    """The lines with their ends. Only LF ends a line to sshd, so bytes.splitlines() will not do."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1].removesuffix(b"\n")
    return lines if lines[-1] else lines[:-1]


def _parse_line(number: int, raw: bytes, utc_offset: timedelta) -> Line:
    """One line without its LF. sshd reads C strings, so a NUL ends it; Latin-1 keeps every byte one character."""
    text = raw.split(b"\0", 1)[0].decode("latin-1").lstrip(" \t")
    if text.strip("\r") == "":
        return Line(number, LineKind.OTHER)
    if text.startswith("#"):
        return Line(number, LineKind.OTHER, problem=_commented_key(text))
    found = _read_key(text)
    if found is not None:
        return replace(_key_line(number, found), problem=_second_key(found[2]))
    end = options_end(text)
    if end is None:
        return Line(number, LineKind.BROKEN, problem="a quote in the options is not closed, so sshd ignores this line")
    options_text, rest = text[:end], text[end:].lstrip(" \t")
    found = _read_key(rest)
    if found is None:
        return Line(number, LineKind.BROKEN, problem=_broken(text, options_text))
    line = replace(_key_line(number, found), options_text=options_text, problem=_second_key(found[2]))
    try:
        return replace(line, options=parse_key_options(options_text, utc_offset))
    except BadKeyOptions as error:
        is_ca = "cert-authority" in options_text.lower()
        return replace(
            line,
            kind=LineKind.BROKEN,
            options=KeyOptions(is_ca=is_ca),
            problem=f"{_bom(text)}{error}, so sshd ignores this line",
        )


def _key_line(number: int, found: tuple[str, bytes, str]) -> Line:
    key_type, blob, comment = found
    return Line(number, LineKind.KEY, key_type, blob, comment=comment)


def _read_key(text: str) -> tuple[str, bytes, str] | None:
    """Type, blob and comment at the front of a text, as sshd's sshkey_read() takes them; None where it takes none."""
    key_type, _, rest = text.replace("\t", " ").partition(" ")
    if key_type not in KEY_TYPES or not rest:
        return None
    rest = text[len(key_type) :].lstrip(" \t")
    word = re.split(r"[ \t]", rest, maxsplit=1)
    try:
        blob = decode_base64(word[0].encode("latin-1"))
        if blob_type(blob) != key_type:
            return None
        blob_bits(blob)
    except BadKeyBlob:
        return None
    comment = word[1].strip(" \t\r") if len(word) == 2 else ""
    return key_type, blob, comment.encode("latin-1").decode("utf-8", "replace")


def _cell(same: list[Line], now: datetime, file: str, ignored: bool) -> KeyCell:
    """One key's standing from all of its lines: the first line that matches and allows wins, so any plain one does."""
    logins = [line for line in same if line.is_login()]
    shown = logins[0] if logins else same[0]
    if ignored:
        state = CellState.IGNORED
    elif not logins:
        state = CellState.CA
    elif all(line.is_expired(now) for line in logins):
        state = CellState.EXPIRED
    elif len(logins) > 1:
        state = CellState.DUPLICATE
    else:
        state = CellState.PRESENT if shown.is_plain() else CellState.RESTRICTED
    return KeyCell(
        fingerprint=fingerprint(shown.blob),
        state=state,
        line=shown.number,
        options=shown.options_text,
        type=shown.key_type,
        comment=shown.comment,
        file=file,
    )


def _bom(text: str) -> str:
    return "it starts with a byte order mark; " if text.startswith(_BOM) else ""


def _broken(text: str, first_word: str) -> str:
    """Why no key can be read from a line that is neither blank nor a comment."""
    if text.startswith(_BOM):
        return "it starts with a byte order mark, so sshd ignores this key"
    if "-cert-v01@" in first_word:
        return "a certificate is no key, so sshd ignores this line"
    if len(_KEY_START.findall(text)) > 1:
        return "two keys are glued together (a line break is missing), so sshd sees neither"
    if first_word in KEY_TYPES:
        return "the key is damaged (cut, wrapped or mistyped), so sshd ignores this line"
    if "PRIVATE KEY" in text:
        return "this is a piece of a private key, so sshd ignores this line; take it out"
    return "there is no key that sshd can read"


def _second_key(comment: str) -> str | None:
    """A whole key inside another one's comment: what a missing final newline did to it."""
    for match in _KEY_INSIDE.finditer(comment):
        if _is_key(match):
            return "a second key is glued to this line's comment (a line break is missing), so sshd does not see it"
    return None


def _commented_key(text: str) -> str | None:
    match = _KEY_INSIDE.search(text)
    if match is None or not _is_key(match):
        return None
    return f"the key {fingerprint(decode_base64(match['blob'].encode('ascii')))} is commented out"


def _is_key(match: re.Match[str]) -> bool:
    try:
        return blob_type(decode_base64(match["blob"].encode("ascii"))) == match["type"]
    except BadKeyBlob:
        return False
