"""The commands a person copies: complete, quoted, and for the right cluster."""

import json
import shlex

from homelab_tui.config.model import AlertmanagerConfig, ClusterConfig
from homelab_tui.domain.alerts import Matcher
from homelab_tui.domain.jobs import CronJob, Job, JobId, JobState
from homelab_tui.domain.values import replace
from homelab_tui.engine.job_logs import LogPlace
from homelab_tui.engine.kubectl import Kubectl, silence_lines
from tests.fakes import FakeCluster

NUC = ClusterConfig("nuc", kubeconfig="/home/kkato/my kube/config", context="kubernetes-admin@nuc")
PLAIN = ClusterConfig("pi")
MANY = ClusterConfig("many", kubeconfig="/a:/b c", context="x")
KUBECTL = Kubectl((NUC, PLAIN, MANY), (FakeCluster("nuc"), FakeCluster("pi")))
START = ["kubectl", "--kubeconfig", "/home/kkato/my kube/config", "--context", "kubernetes-admin@nuc", "-n"]


def job(name: str, namespace: str = "backup", cluster: str = "nuc") -> Job:
    return Job(JobId(cluster, namespace, name), JobState.FAILED, uid="u1")


def words(lines: tuple[str, ...]) -> list[list[str]]:
    return [shlex.split(line) for line in lines]


def test_deleting_is_one_command_per_namespace_with_its_propagation() -> None:
    jobs = [job("a"), job("b"), job("c", "db"), job("d", cluster="pi")]
    assert words(KUBECTL.delete(jobs, "orphan")) == [
        [*START, "backup", "delete", "job", "a", "b", "--cascade=orphan"],
        [*START, "db", "delete", "job", "c", "--cascade=orphan"],
        ["kubectl", "--context", "admin@pi", "-n", "backup", "delete", "job", "d", "--cascade=orphan"],
    ]


def test_patches_are_json_that_a_shell_leaves_alone() -> None:
    [line] = words(KUBECTL.patch_jobs([(job("a"), {"spec": {"ttlSecondsAfterFinished": 60}})]))
    assert line[:-1] == [*START, "backup", "patch", "job", "a", "--type=merge", "-p"]
    assert json.loads(line[-1]) == {"spec": {"ttlSecondsAfterFinished": 60}}
    [line] = words(KUBECTL.patch_cronjobs([CronJob("nuc", "db", "dump")], {"spec": {"suspend": True}}))
    assert line[-5:-1] == ["cronjob", "dump", "--type=merge", "-p"]
    assert json.loads(line[-1]) == {"spec": {"suspend": True}}


def test_a_run_by_hand_is_created_from_its_cronjob() -> None:
    assert words(KUBECTL.trigger([("nuc", "db", "dump")], ["dump-manual-x7k2p"])) == [
        [*START, "db", "create", "job", "dump-manual-x7k2p", "--from=cronjob/dump"]
    ]


def test_logs_events_and_yaml() -> None:
    assert words(KUBECTL.logs(job("a"), LogPlace("a-x7", "restic", previous=True))) == [
        [*START, "backup", "logs", "a-x7", "-c", "restic", "--previous"]
    ]
    assert words(KUBECTL.logs(job("a"), follow=True)) == [[*START, "backup", "logs", "job/a", "--follow"]]
    assert words(KUBECTL.events(job("a")))[0][-3:] == ["get", "events", "--field-selector=involvedObject.name=a"]
    assert words(KUBECTL.yaml(job("a")))[0][-5:] == ["get", "job", "a", "-o", "yaml"]


def test_several_kubeconfigs_go_by_the_variable_because_the_option_takes_one() -> None:
    [line] = KUBECTL.yaml(job("a", cluster="many"))
    assert line.startswith("KUBECONFIG='/a:/b c' kubectl --context x -n backup get job a")


def test_a_cluster_that_no_kubeconfig_leads_to_has_no_command() -> None:
    assert KUBECTL.delete([job("a"), job("b", cluster="prometheus-alone")]) == ()


def test_names_from_outside_are_words_and_never_commands() -> None:
    evil = replace(job("a"), id=JobId("nuc", "$(reboot)", "x; rm -rf ~ '"))
    [line] = words(KUBECTL.delete([evil]))
    assert line[6:] == ["$(reboot)", "delete", "job", "x; rm -rf ~ '", "--cascade=background"]


def test_a_silence_is_amtools_and_no_password_is_in_it() -> None:
    matchers = (Matcher("alertname", "KubeJobFailed"), Matcher("job_name", 'back"up'))
    servers = (AlertmanagerConfig("http://nuc01:9093/am"), AlertmanagerConfig("http://me:secret@nuc01:9093"))
    [line] = words(silence_lines(servers, [matchers], 7200.0, "disk ordered; back soon"))
    assert line == [
        "amtool", "--alertmanager.url=http://nuc01:9093/am", "silence", "add", "--duration=7200s",
        "--comment=disk ordered; back soon", 'alertname="KubeJobFailed"', 'job_name="back\\"up"',
    ]  # fmt: skip
