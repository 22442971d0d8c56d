"""The benchmarks of scale run, at the smallest sizes, and their arithmetic is right."""

import json

import pytest
from benchmarks import gpu, growth


def test_exponent_is_the_power():
    x = [10.0, 100.0, 5000.0]
    assert growth.exponent(x, [3 * a**1.5 for a in x]) == pytest.approx(1.5)
    assert growth.exponent(x, [7.0, 7.0, 7.0]) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_point_reports_all_that_the_table_shows(capsys):
    growth.main(["--point", "50", "4", "3"])
    got = json.loads(capsys.readouterr().out)
    assert (got["n"], got["d"], got["c"]) == (50, 4, 3)
    assert set(growth.MEASURED) < set(got)


@pytest.mark.slow
def test_gpu_tables_at_the_smallest_sizes():
    sizes = gpu.Sizes(((64, 8, 3),), ((32, 8),), product=16, batch=128, width=8, layers=1)
    tables = [f(sizes, 1) for f in (gpu.over_product, gpu.coherence_speed, gpu.logging_overhead)]
    assert [t.row_count for t in tables] == [1, 1, 1]
