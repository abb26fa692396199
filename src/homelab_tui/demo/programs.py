"""What the containers of the demo clusters do: how long they run, what they print, how they end."""

import re
from dataclasses import dataclass

from homelab_tui.demo.objects import Object


@dataclass(frozen=True, slots=True)
class Program:
    """One run of a container, decided when it starts."""

    duration_s: float
    exit_code: int = 0
    log: tuple[str, ...] = ()
    """Lines, spread evenly over the duration."""
    reason: str | None = None
    """state.terminated.reason; None: Completed or Error by exit code."""

    def line_times(self) -> list[float]:
        """Seconds after the start at which each line of the log is printed."""
        count = len(self.log)
        return [self.duration_s * (i + 1) / (count + 1) for i in range(count)]


OK_LOGS: dict[str, tuple[str, ...]] = {
    "etcd-snapshot": (
        '{"level":"info","msg":"created temporary db file","path":"/backup/etcd.db.part"}',
        '{"level":"info","msg":"fetched snapshot","endpoint":"https://127.0.0.1:2379","size":"48 MB"}',
        "Snapshot saved at /backup/etcd.db",
    ),
    "restic": (
        "repository 4f1c02ab opened (version 2, compression level auto)",
        "Files:           12 new,    87 changed, 41204 unmodified",
        "Added to the repository: 61.218 MiB (22.905 MiB stored)",
        "snapshot 9b1d55e2 saved",
    ),
    "sd-image": ("reading /dev/mmcblk0p2", "sent 412 MiB to nas.home:/backup/pi", "image verified"),
    "imap-archive": ("connected to imap.home:993", "INBOX: 214 messages, 3 new", "archived 3 messages"),
}
FAILED_LOGS: dict[str, tuple[int, str | None, tuple[str, ...]]] = {
    "sd-image": (
        5,
        None,
        (
            "reading /dev/mmcblk0p2",
            "mmcblk0: error -110 transferring data, sector 1843200",
            "dd: error reading '/dev/mmcblk0p2': Input/output error",
            "backup aborted",
        ),
    ),
    "restic": (
        1,
        None,
        (
            "repository 4f1c02ab opened (version 2, compression level auto)",
            "Fatal: unable to create lock in backend: repository is already locked by PID 1 on restic-nas",
        ),
    ),
    "rclone": (
        3,
        None,
        (
            "2023/02/11 03:00:01 INFO  : Starting sync to b2:homelab",
            "2023/02/11 03:00:02 ERROR : directory not found: b2:homelab/offsite [rclone/\x1b[31mfatal\x1b[0m]",
        ),
    ),
    "imap-archive": (75, None, ("connecting to imap.home:993", "imaplib.abort: socket error: EOF [/INBOX] closed")),
    "thumbnails": (137, "OOMKilled", ("scanning /photos/2022", "decoding IMG_2381.CR3 (61 MP)")),
    "link-check": (2, None, ("checked 412 links", "2 broken: https://wiki.home/nas https://wiki.home/ups")),
    "db-migrate": (1, None, ("applying 0042_index_events", "ERROR: canceling statement due to lock timeout")),
}


def ok_run(app: str, duration_s: float) -> Program:
    """A successful run of an app of the lab."""
    return Program(duration_s, 0, OK_LOGS.get(app, (f"{app}: started", f"{app}: done")))


def failed_run(app: str, duration_s: float) -> Program:
    """A failing run of an app of the lab."""
    code, reason, log = FAILED_LOGS.get(app, (1, None, (f"{app}: started", f"{app}: something went wrong")))
    return Program(duration_s, code, log, reason)


def from_command(container: Object, default_s: float = 0.3, index: int | None = None) -> Program:
    """What a container that the lab does not know does: `sleep N`, `echo TEXT`, `exit N`, `true` and `false` of its
    command line are obeyed, so that a Job created from outside runs, prints and fails as written.

    `index`: what JOB_COMPLETION_INDEX stands for there.
    """
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    number = "" if index is None else str(index)
    line = " ".join(str(word) for word in words).replace("$JOB_COMPLETION_INDEX", number)
    slept = [float(text) for text in re.findall(r"\bsleep (\d+(?:\.\d+)?)", line)]
    ended = re.search(r"\bexit (\d+)", line)
    printed = re.findall(r"\becho (?:\"([^\"]*)\"|'([^']*)'|([^;&|]+))", line)
    log = tuple(next(part for part in parts if part).strip() for parts in printed if any(parts))
    code = int(ended[1]) & 255 if ended else int(bool(re.search(r"(^|[;& ])/?(?:bin/)?false\b", line)))
    return Program(sum(slept) if slept else default_s, code, log)
