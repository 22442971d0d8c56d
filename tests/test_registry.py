"""What every metric declares, and that the registry refuses what is not declared well."""

import inspect
import math
import subprocess
import sys

import pytest

import gramax.metrics
from gramax.metrics.registry import METRICS, QUESTIONS, Registry

NAMES = {  # the table of the field
    *("nc1_pinv", "nc1_svd", "nc1_quotient", "scatter_ratio", "cdnv", "vci"),
    *("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance"),
    *("nc3_self_duality", "nc3_uniform_duality", "nc4_agreement", "nc5_orthogonality"),
    *("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req", "lidar"),
    *("alignment", "uniformity", "mean_cosine", "two_nn", "mle_id", "hubness", "anti_hub_share"),
    *("class_coherence", "class_babel", "class_average_coherence", "class_frame_potential"),
}
EVERY = METRICS.everything()


def test_the_whole_field_is_there():
    assert {m.name for m in EVERY} >= NAMES
    assert {m.question for m in EVERY} == set(QUESTIONS)
    assert len(METRICS) == len(list(METRICS)) == sum(not m.needs for m in EVERY)


@pytest.mark.parametrize("metric", EVERY, ids=lambda m: m.name)
def test_every_entry_says_all_that_a_reader_needs(metric):
    for text in (metric.meaning, metric.formula, metric.source, metric.best, metric.degenerate):
        assert text
        assert text == text.strip()
    low, high = metric.interval
    assert low < high
    assert not math.isnan(low)
    if metric.function:
        text = inspect.getdoc(getattr(gramax.metrics, metric.function))
        for section in ("Args", "Returns", "Raises", "Source", "Example"):
            assert f"\n{section}:\n    " in text
    if metric.needs:
        assert metric.public in metric.reason(None)
        with pytest.raises(ValueError, match="moments do not hold"):
            metric.value(None)


def test_refusals():
    registry, right = Registry(), {**vars(METRICS["cdnv"]), "name": "cdnv2"}
    registry.add(**right)
    with pytest.raises(ValueError, match="registered already"):
        registry.add(**right)
    for wrong in ({"undefined": ("sundays",)}, {"options": ("luck",)}, {"compute": None}):
        with pytest.raises(ValueError, match="cdnv3"):
            registry.add(**right | wrong | {"name": "cdnv3"})


def test_importing_the_report_alone_fills_the_registry():
    code = "import gramax.metrics.report as r; print(len(r.METRICS.everything()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == len(EVERY)
