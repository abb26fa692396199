"""An object as YAML that can be shown and copied: without bookkeeping, and with what looks secret masked. Pure."""

import re

import msgspec

from homelab_tui.domain.errors import SourceGarbled

MASK = "********"
_SECRET_NAME = re.compile(
    r"pass(?:wd|word|phrase)?(?![a-z])|pwd|secret|token|credential|private|api[_-]?key|access[_-]?key|(?:^|[_-])key$"
    r"|(?:^|[_-])auth(?:$|[_-])|dsn|conn(?:ection)?[_-]?str|cookie|salt|signature|(?:^|[_-])pat$",
    re.IGNORECASE,
)
_FLAG = re.compile(r"^(--?[\w.-]+)(?:(=)(.*))?$", re.DOTALL)
_USERINFO = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)(?=@)")
_WORD = r"(?:passw(?:or)?d|secret|token|api[_-]?key)[\w-]{0,40}"
# Bounded repeats: a megabyte of base64 in an argument must not take quadratic time.
_ASSIGNED = re.compile(
    rf"(?P<name>{_WORD}\s{{0,4}}[=:]\s{{0,4}}|\bbearer\s{{1,4}}|(?<![\w-])--[\w-]{{0,40}}?{_WORD}\s{{1,4}})"
    r"(?P<value>\"[^\"]*\"|'[^']*'|(?!\$)[^\s'\"]+)",
    re.IGNORECASE,
)
_REPEATS_THE_OBJECT = "kubectl.kubernetes.io/last-applied-configuration"


def readable_yaml(data: bytes) -> str:
    """A JSON object of the API as YAML.

    Left out: managedFields, and the annotation in which kubectl keeps the whole object once more. Masked: values of
    environment variables and flags whose names look secret, `data` of Secrets, passwords in URLs.
    """
    import yaml  # Not before the first paint.

    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceGarbled(f"the answer is not what a Kubernetes API sends: {error}") from error
    if not isinstance(found, dict):
        raise SourceGarbled("the answer is not a Kubernetes object")
    # libyaml's, where it was built in, is ten times quicker.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(masked(found), Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def masked(found: object, name: str = "") -> object:
    """The same tree without what must not be shown. `name`: the key under which it was found."""
    if isinstance(found, dict):
        if name in ("data", "stringData") and all(isinstance(value, str) for value in found.values()):
            return dict.fromkeys(found, MASK)
        return {
            str(key): _entry(found, str(key), value, name) for key, value in found.items() if _stays(str(key), name)
        }
    if isinstance(found, list):
        return _arguments(found) if name in ("command", "args") else [masked(item) for item in found]
    return _text(found) if isinstance(found, str) else found


def _stays(key: str, parent: str) -> bool:
    return not (parent == "metadata" and key == "managedFields") and not (
        parent == "annotations" and key == _REPEATS_THE_OBJECT
    )


def _entry(owner: dict[object, object], key: str, value: object, parent: str) -> object:
    """A value of a mapping: an environment variable's, an annotation's, or any other."""
    if isinstance(value, str):
        variable = owner.get("name") if key == "value" else None
        if isinstance(variable, str) and _SECRET_NAME.search(variable):
            return MASK
        if parent in ("annotations", "labels") and _SECRET_NAME.search(key.rpartition("/")[2]):
            return MASK
    return masked(value, key)


def _arguments(found: list[object]) -> list[object]:
    """A command line: `--password=X`, `--password X` and shell text in it."""
    shown: list[object] = []
    expects_secret = False
    for item in found:
        if not isinstance(item, str):
            shown.append(item)
            continue
        flag = _FLAG.match(item)
        is_secret = bool(flag and _SECRET_NAME.search(flag[1]))
        if expects_secret and not flag:
            shown.append(MASK)
        elif flag and is_secret and flag[2]:
            shown.append(f"{flag[1]}={MASK}")
        else:
            shown.append(_text(item))
        expects_secret = is_secret and not (flag and flag[2])
    return shown


def _text(text: str) -> str:
    """Free text without the passwords of URLs and of assignments."""
    text = _USERINFO.sub(rf"\1:{MASK}", text)
    return _ASSIGNED.sub(lambda match: match["name"] + MASK, text)
