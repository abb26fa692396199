"""`homelab rules`, judged by promtool: valid, and paging for what is really wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from homelab_tui.cli import main
from tests.real.prometheus_server import promtool
from tests.servers import require_binary


@pytest.mark.parametrize("label", ["namespace", "exported_namespace"])
def test_the_rules_are_valid_and_pass_their_own_tests(tmp_path: Path, label: str) -> None:
    rules, tests = tmp_path / "rules.yaml", tmp_path / "tests" / "rules_test.yaml"
    tests.parent.mkdir()
    words = ["rules", "--output", str(rules), "--test-output", str(tests), "--namespace-label", label]
    assert main(words) == 0
    assert "5 rules found" in promtool("check", "rules", str(rules))
    promtool("test", "rules", str(tests))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('(kube_job_failed{condition="true"}) == 1', "(kube_job_failed) == 1"),
        ("max by (namespace, cronjob) (kube_cronjob_spec_suspend) == 1", "kube_cronjob_spec_suspend == 2"),
        ("topk by (namespace, owner_name) (1,", "topk by (owner_name) (1,"),
    ],
)
def test_the_tests_notice_a_rule_that_is_wrong(tmp_path: Path, before: str, after: str) -> None:
    rules, tests = tmp_path / "rules.yaml", tmp_path / "rules_test.yaml"
    assert main(["rules", "--output", str(rules), "--test-output", str(tests)]) == 0
    text = rules.read_text()
    assert before in text
    rules.write_text(text.replace(before, after))
    command = [str(require_binary("promtool")), "test", "rules", str(tests)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_without_a_file_the_rules_go_to_stdout(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "homelab_tui", "rules"], capture_output=True, text=True, check=True)
    rules = tmp_path / "rules.yaml"
    rules.write_text(done.stdout)
    assert "5 rules found" in promtool("check", "rules", str(rules))


def test_an_existing_file_is_kept_and_nothing_else_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = tmp_path / "rules_test.yaml"
    tests.write_text("mine")
    words = ["rules", "--output", str(tmp_path / "rules.yaml"), "--test-output", str(tests)]
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rules_test.yaml"]
    assert tests.read_text() == "mine"
    assert main([*words, "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test_path"] == str(tests)


@pytest.mark.parametrize("label", ['x"} or vector(1)', "", "a-b"])
def test_a_label_that_is_none_is_refused(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "--namespace-label", label]) == 2
    assert "--namespace-label" in capsys.readouterr().err
