"""An audit ends with at most two lines that point to a decision, with what to type."""

from __future__ import annotations

import numpy as np

from gramax import audit


def test_nothing_is_called_for_where_nothing_is_wrong():
    z = np.random.default_rng(0).normal(size=(400, 16))
    assert audit(z).next_steps == ()
    assert audit(z[:40], codes=True).next_steps == ()


def test_a_cone_is_to_be_fixed_and_lost_dimensions_to_be_dropped(tmp_path):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(600, 4)) @ rng.normal(size=(4, 96)) + 6
    y = np.arange(600) % 30
    files = tmp_path / "my rows.npy", tmp_path / "y.npy"
    for file, array in zip(files, (z, y), strict=True):
        np.save(file, array)
    found = audit(files[0], files[1])
    assert len(found.next_steps) == 2
    fix, threshold = found.next_steps
    assert fix.command == f"gramax fix '{files[0]}' --labels {files[1]}"
    assert "30 classes" in threshold.why
    assert threshold.command == f"gramax threshold '{files[0]}' --labels {files[1]}"
    of_raw = audit(files[0], files[1], raw=True).next_steps
    assert of_raw[0].command.endswith(" --raw")
    assert of_raw[1].command == threshold.command  # a cosine takes no heed of lengths
    assert fix.command in repr(found)
    assert found.to_dict()["next_steps"][1]["command"] == threshold.command
    assert [one.command for one in audit(z, raw=True).next_steps] == [
        "gramax.fix(embeddings, raw=True)",
        "gramax.shrink(embeddings, raw=True)",
    ]
