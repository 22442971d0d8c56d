"""Tensors and files of PyTorch: each is read, or refused with the line to type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.inputs.values import Y, Z, check

import gramax
from gramax import InputError, Reading
from gramax.data import open_embeddings, read_labels

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.nightly


def test_tensors():
    z, y = torch.tensor(Z, requires_grad=True), torch.arange(60) % 3
    check(gramax.audit(z, y), "array")
    check(gramax.audit(torch.nn.Parameter(z), y.float()), "array")
    check(gramax.audit(z.T, y, reading=Reading(transpose=True)), "array")
    rounded = z.bfloat16().float().detach().numpy()
    assert gramax.audit(z.bfloat16(), y).numbers == gramax.audit(rounded, y).numbers
    missing = y.float()
    missing[0] = float("nan")
    assert gramax.audit(z, missing.bfloat16()).left_out["ignored_label"] == 1


@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_refused():
    z = torch.tensor(Z, requires_grad=True)
    quantised = torch.quantize_per_tensor(torch.tensor(Z), 0.1, 128, torch.quint8)
    for given, why in (
        (list(z), r"is a list of tensors; give torch\.stack\(rows\), or torch\.cat\(batches\)"),
        (z.detach().to_sparse(), r"float32 sparse_coo on cpu is not read; give .*to_dense\(\)"),
        (z.detach().to(torch.float8_e4m3fn), r"float8_e4m3fn strided .*float\(\)"),
        (quantised, r"quint8 .* is not read; give z\.detach\(\)\.dequantize\(\)"),
    ):
        with pytest.raises(InputError, match=f"^array: .*{why}"):
            gramax.audit(given)


def test_what_torch_saved(tmp_path):
    z = torch.tensor(Z, requires_grad=True)
    torch.save(z, tmp_path / "z.pt")
    np.testing.assert_array_equal(
        np.concatenate([z for _, z in open_embeddings(tmp_path / "z.pt").chunks(4)]), Z
    )
    state = {"model": {"emb": z.bfloat16()}, "who": Y.tolist(), "step": 3}
    torch.save(state, tmp_path / "z.bin")
    source = open_embeddings(tmp_path / "z.bin")
    assert (source.parts[0].entry.name, source.dtype) == ("model.emb", np.float32)
    assert read_labels("who", source, 60).names == ("a", "b", "c")
    torch.save({"z": z, "path": Path}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"holds more than tensors, .* may run code; save"):
        open_embeddings(tmp_path / "evil.pt")
