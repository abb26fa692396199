"""When the Jobs pane knows that more is to come."""

import pytest

from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState
from homelab_tui.ui.panes.jobs import JobsPane
from tests.fakes import START

READ = Reading(ClusterJobs("nuc"), START)
SILENT: Reading[ClusterJobs] = Reading()
AWAY: Reading[ClusterJobs] = Reading(problem="no connection")


@pytest.mark.parametrize(
    ("clusters", "is_whole", "is_loading"),
    [
        ((), True, False),
        ((READ,), True, False),
        ((READ,), False, True),
        ((READ, SILENT), True, True),  # its failures may stand above the others
        ((READ, AWAY), True, False),  # nothing comes of it now
    ],
)
def test_it_is_loading_until_every_list_is_read_and_every_cluster_has_spoken(
    clusters: tuple[Reading[ClusterJobs], ...], is_whole: bool, is_loading: bool
) -> None:
    named = tuple((f"c{number}", reading) for number, reading in enumerate(clusters))
    state = LabState(clusters=named, jobs=JobsView(is_whole=is_whole))
    assert JobsPane().is_loading(state) is is_loading
