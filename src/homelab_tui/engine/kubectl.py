"""The command that does the same without homelab: `kubectl`, and `amtool` for silences. For a person's clipboard."""

import json
import os.path
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence

from homelab_tui.config.model import AlertmanagerConfig, ClusterConfig
from homelab_tui.domain.alerts import Matcher
from homelab_tui.domain.jobs import CronJob, Job
from homelab_tui.engine.job_logs import LogPlace
from homelab_tui.engine.ports import NamesContext


class Kubectl:
    """Writes commands for the configured clusters. Every word from outside is quoted."""

    def __init__(self, configs: Sequence[ClusterConfig], sources: Sequence[NamesContext]) -> None:
        self._configs = {config.name: config for config in configs}
        self._sources = {source.name: source for source in sources}

    def delete(self, jobs: Sequence[Job], propagation: str = "background") -> tuple[str, ...]:
        """One line per namespace."""
        spaces: dict[tuple[str, str], list[str]] = defaultdict(list)
        for job in jobs:
            spaces[job.id.cluster, job.id.namespace].append(job.id.name)
        return self._lines(
            [(place, ["delete", "job", *names, f"--cascade={propagation}"]) for place, names in spaces.items()]
        )

    def patch_jobs(self, jobs: Sequence[tuple[Job, Mapping[str, object]]]) -> tuple[str, ...]:
        """A merge patch each."""
        return self._lines(
            [((job.id.cluster, job.id.namespace), ["patch", "job", job.id.name, *_merge(one)]) for job, one in jobs]
        )

    def patch_cronjobs(self, cronjobs: Sequence[CronJob], patch: Mapping[str, object]) -> tuple[str, ...]:
        """The same merge patch for each."""
        return self._lines(
            [((one.cluster, one.namespace), ["patch", "cronjob", one.name, *_merge(patch)]) for one in cronjobs]
        )

    def trigger(self, cronjobs: Sequence[tuple[str, str, str]], names: Sequence[str]) -> tuple[str, ...]:
        """A run of each CronJob (cluster, namespace, name), under these names."""
        return self._lines(
            [
                ((cluster, namespace), ["create", "job", name, f"--from=cronjob/{cronjob}"])
                for (cluster, namespace, cronjob), name in zip(cronjobs, names, strict=True)
            ]
        )

    def logs(self, job: Job, place: LogPlace | None = None, *, follow: bool = False) -> tuple[str, ...]:
        """One log; without a place, of the Job."""
        words = ["logs", place.pod if place is not None else f"job/{job.id.name}"]
        words += ["-c", place.container] if place is not None and place.container else []
        words += ["--previous"] * (place is not None and place.previous) + ["--follow"] * follow
        return self._lines([((job.id.cluster, job.id.namespace), words)])

    def events(self, job: Job) -> tuple[str, ...]:
        """Events of the Job."""
        words = ["get", "events", f"--field-selector=involvedObject.name={job.id.name}"]
        return self._lines([((job.id.cluster, job.id.namespace), words)])

    def yaml(self, job: Job) -> tuple[str, ...]:
        """The Job as YAML."""
        return self._lines([((job.id.cluster, job.id.namespace), ["get", "job", job.id.name, "-o", "yaml"])])

    def _lines(self, found: Sequence[tuple[tuple[str, str], list[str]]]) -> tuple[str, ...]:
        """Nothing at all where one of the clusters is not reached by a kubeconfig."""
        if not all(cluster in self._configs for (cluster, _), _ in found):
            return ()
        return tuple(self._line(self._configs[cluster], namespace, words) for (cluster, namespace), words in found)

    def _line(self, config: ClusterConfig, namespace: str, words: Sequence[str]) -> str:
        files = [os.path.expanduser(one) for one in (config.kubeconfig or "").split(os.pathsep) if one]
        source = self._sources.get(config.name)
        context = config.context or (source.context if source is not None else None)
        argv = ["kubectl", *(["--kubeconfig", files[0]] if len(files) == 1 else [])]
        argv += ["--context", context] if context else []
        line = shlex.join([*argv, "-n", namespace, *words])
        # --kubeconfig takes one file only.
        return f"KUBECONFIG={shlex.quote(os.pathsep.join(files))} {line}" if len(files) > 1 else line


def silence_lines(
    servers: Sequence[AlertmanagerConfig], matchers: Sequence[Sequence[Matcher]], for_s: float, comment: str
) -> tuple[str, ...]:
    """`amtool silence add …` for each Alertmanager that has an address of its own, and each set of matchers."""
    return tuple(
        shlex.join(
            ["amtool", f"--alertmanager.url={server.url}", "silence", "add", f"--duration={int(for_s)}s"]
            + [f"--comment={comment}"]
            + [f"{one.name}{'=~' if one.is_regex else '='}{json.dumps(one.value, ensure_ascii=False)}" for one in found]
        )
        for server in servers
        # An address with a password in it is nothing for a clipboard.
        if server.url and "@" not in server.url
        for found in matchers
    )


def _merge(patch: Mapping[str, object]) -> list[str]:
    return ["--type=merge", "-p", json.dumps(patch)]
