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
VALUES = np.array([0.1, 0.2, 0.2, 5.0])


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
    sink.histogram(5, "latent/values", [*VALUES, float("nan"), float("inf")])
    sink.text(5, "latent/verdict", "Classes differ.")
    sink.flush()
    sink.close()
    sink.close()


def check_all(found: Written):
    """What `write_all` wrote, and nothing in the place of what is undefined."""
    assert found.scalars == {
        ("latent/rank", 3): 2.5,
        ("latent/rank", 5): 2.75,
        ("latent/ratio", 5): 0.0,
    }
    assert found.images == {("latent/gram", 5): (6, 8)}
    assert found.histograms == {("latent/values", 5): 4}
    assert found.texts["latent/verdict", 5] == "Classes differ."
    assert "latent/ratio is nan" in found.texts["latent/ratio/undefined", 3]


def taken():
    """A snapshot of four classes, one number undefined."""
    numbers = {"effective_rank": 2.5, "collapse_ratio": float("nan"), "cdnv": 0.25}
    reasons = {"collapse_ratio": "needs two rows"}
    entry = Entry(9, numbers, reasons, "val", 48, 8, 4, verdict="Good.", extra={"loss": 0.5})
    return Snapshot(entry, np.eye(4), np.array([0.5, 0.25, 0.125, 0.0]), tuple("abcd"))


def check_report(found: Written):
    """What `log_report` wrote of `taken()`."""
    assert found.scalars == {("latent/val/effective_rank", 9): 2.5, ("latent/val/loss", 9): 0.5}
    assert found.images == {
        ("latent/val/cosines", 9): (600, 560),
        ("latent/val/spectrum", 9): (600, 560),
    }
    assert found.histograms == {("latent/val/eigenvalues", 9): 4}
    assert found.texts["latent/val/verdict", 9] == "Good."
    assert "needs two rows" in found.texts["latent/val/collapse_ratio/undefined", 9]


def check_refusals(sink):
    """What no sink takes, and what a closed one says."""
    for step in (-1, 1.5):
        with pytest.raises(ValueError, match="a step is a whole number from 0"):
            sink.scalars(step, {"a": 1.0})
    with pytest.raises(
        ValueError, match=r"a uint8 array of shape .* got float64 of shape \(4, 4\)"
    ):
        sink.image(1, "a", np.eye(4))
    with pytest.raises(ValueError, match="are no PNG"):
        sink.image(1, "a", b"\x89PNG no")
    sink.close()
    with pytest.raises(ValueError, match="is closed"):
        sink.text(1, "a", "words")


def fail_inside(sink):
    """Write, and let the `with` block of the sink end in an error, which passes."""
    with pytest.raises(ZeroDivisionError):
        _fail_inside(sink)


def _fail_inside(sink):
    with sink:
        sink.scalars(3, {"latent/rank": 2.5})
        raise ZeroDivisionError


def check_other_process(make, folder, monkeypatch):
    """In any process but the first nothing is opened and nothing written."""
    monkeypatch.setattr(base, "first_process", lambda: False)
    monkeypatch.setattr("gramax.training.sinks.reporting.first_process", lambda: False)
    before = sorted(folder.rglob("*"))
    sink = make()
    write_all(sink)
    log_report(make(), 1, ClassMoments.empty(4, 8))
    assert sorted(folder.rglob("*")) == before
