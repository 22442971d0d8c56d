"""What every sink does, whatever it writes to: one run of all that can be written, read back."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from gramax.audits.run_log import Entry
from gramax.audits.snapshot import Snapshot
from gramax.moments.class_moments import ClassMoments
from gramax.training.sinks import base, log_report

PIXELS = np.zeros((6, 8, 3), np.uint8)
PIXELS[2:, 3:] = (200, 100, 50)


@dataclass
class Written:
    """What a reader found: by (name, step) scalars, shapes of pictures, sums of counts, words."""

    scalars: dict = field(default_factory=dict)
    images: dict = field(default_factory=dict)
    histograms: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)


def write_all(sink):
    """Every method once, undefined values among them; the sink is closed afterwards, twice."""
    sink.scalars(3, {"latent/rank": 2.5, "latent/ratio": float("nan")})
    sink.scalars(5, {"latent/rank": np.float32(2.75), "latent/ratio": 0.0})
    sink.image(5, "latent/gram", PIXELS)
    sink.histogram(5, "latent/values", [0.1, 0.2, 0.2, 5.0, float("nan"), float("inf")])
    sink.text(5, "latent/verdict", "Classes differ.")
    sink.flush()
    sink.close()
    sink.close()


def everything_is_read_back(make, read, *_):
    """And nothing in the place of what is undefined."""
    write_all(make())
    found = read()
    assert found.scalars == {
        ("latent/rank", 3): 2.5,
        ("latent/rank", 5): 2.75,
        ("latent/ratio", 5): 0.0,
    }
    assert found.images == {("latent/gram", 5): (6, 8)}
    assert found.histograms == {("latent/values", 5): 4}
    assert found.texts["latent/verdict", 5] == "Classes differ."
    assert "latent/ratio is nan" in found.texts["latent/ratio/undefined", 3]


def what_no_sink_takes_is_said(make, *_):
    sink = make()
    for step in (-1, 1.5):
        with pytest.raises(ValueError, match="a step is a whole number from 0"):
            sink.scalars(step, {"a": 1.0})
    with pytest.raises(ValueError, match=r"a uint8 array .* got float64 of shape \(4, 4\)"):
        sink.image(1, "a", np.eye(4))
    with pytest.raises(ValueError, match="are no PNG"):
        sink.image(1, "a", b"\x89PNG no")
    sink.close()
    with pytest.raises(ValueError, match="is closed"):
        sink.text(1, "a", "words")


def other_processes_write_nothing(make, read, folder, monkeypatch):
    monkeypatch.setattr(base, "first_process", lambda: False)
    monkeypatch.setattr("gramax.training.sinks.reporting.first_process", lambda: False)
    before = sorted(folder.rglob("*"))
    write_all(make())
    log_report(make(), 1, ClassMoments.empty(4, 8))
    fail_inside(make())
    assert sorted(folder.rglob("*")) == before


CHECKS = (everything_is_read_back, what_no_sink_takes_is_said, other_processes_write_nothing)
"""Called with what makes a sink, what reads what it wrote, its folder and `monkeypatch`."""


def taken():
    """A snapshot of four classes, one number undefined."""
    numbers = {"effective_rank": 2.5, "collapse_ratio": float("nan"), "cdnv": 0.25}
    reasons = {"collapse_ratio": "needs two rows"}
    entry = Entry(8, numbers, reasons, "val", 48, 8, 4, verdict="Good.", extra={"loss": 0.5})
    return Snapshot(entry, np.eye(4), np.array([0.5, 0.25, 0.125, 0.0]), tuple("abcd"))


def check_report(found: Written):
    """What `log_report` wrote of `taken()`, among other things."""
    name = "latent/val"
    assert found.scalars[f"{name}/effective_rank", 8] == 2.5
    assert found.scalars[f"{name}/loss", 8] == 0.5
    assert (f"{name}/cdnv", 8) not in found.scalars
    assert (f"{name}/collapse_ratio", 8) not in found.scalars
    assert found.images[f"{name}/cosines", 8] == found.images[f"{name}/spectrum", 8] == (600, 560)
    assert found.histograms[f"{name}/eigenvalues", 8] == 4
    assert found.texts[f"{name}/verdict", 8] == "Good."
    assert "needs two rows" in found.texts[f"{name}/collapse_ratio/undefined", 8]


def fail_inside(sink):
    """Write, and let the `with` block of the sink end in an error, which passes."""

    def fail():
        with sink:
            sink.scalars(3, {"latent/rank": 2.5})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
