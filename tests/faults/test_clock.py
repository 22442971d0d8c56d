"""Clocks that are wrong: what a log says of its time is shown where a calendar has it."""

import pytest
from rich.console import Console

from gramax.audits.run_log import Entry
from gramax.render.run_watch import run_overview


@pytest.mark.parametrize(
    ("moment", "shown"), [(1e9, True), (-1e6, True), (1e300, False), (float("nan"), False)]
)
def test_a_moment_that_no_calendar_has_is_left_out(moment, shown):
    console = Console(width=100)
    with console.capture() as said:
        runs = {"": [Entry(1, {"effective_rank": 2.0}, time=moment)]}
        console.print(run_overview("run.jsonl", runs))
    heading = said.get().splitlines()[0]
    assert (" at " in heading) == shown
    assert "step 1" in heading
