"""What the README and the pages show works: their commands, options, targets and code.

Commands in shell blocks are run, and others are looked up by name. Every block of Python is
executed here, by the test that `EXECUTED` names, or by Sphinx as the pages are built.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import zipfile
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax.cli import cli, main
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import Registry

ROOT = Path(__file__).parents[1]
PAGES = [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PAGES = [page for page in PAGES if "_build" not in page.parts]
TEXT = {page.relative_to(ROOT): page.read_text(encoding="utf-8") for page in PAGES}

FENCES = re.compile(r"^ *(```+|~~~+|:::+) *([^\n]*)\n(.*?)^ *\1$", re.DOTALL | re.MULTILINE)
NOT_CODE = {"", "text", "{toctree}"}
COMMANDS = {"sh", "console"}
CELL = "{code-cell} ipython3"
N, D, C = 120, 12, 4
"""The shape of the rows in the files that the commands name."""

EXECUTED = {
    "docs/training.md": "tests/training/test_frameworks.py",
    "docs/pytorch.md": "tests/training/test_frameworks.py",
    "docs/databases.md": "tests/inputs/test_databases.py",
}
"""Pages with blocks that need large packages, and the nightly tests that execute them."""


BLOCKS = {
    f"{page}, block {number}": block
    for page, text in TEXT.items()
    if page.as_posix() not in EXECUTED
    for number, block in enumerate(b for _, kind, b in FENCES.findall(text) if kind == "python")
}
"""Every block of Python that neither Sphinx nor another test executes, by place."""

SHOWN = sorted(
    {
        line.removeprefix("$ ").split("  #")[0].strip()
        for text in TEXT.values()
        for _, kind, block in FENCES.findall(text)
        if kind in COMMANDS
        for line in block.splitlines()
        if line.removeprefix("$ ").startswith("gramax ")
    }
)
"""`gramax` lines of shell blocks; cells, with `%%sh`, are run when the docs are built."""

BUCKET = """
from fsspec.implementations.local import LocalFileSystem

class Bucket(LocalFileSystem):
    protocol = "s3"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("s3://"))
"""
"""A remote store that keeps its objects in the working folder, as an installed package.

Addresses are read in a child process, which would not see a file system that a test has patched in.
"""


def clouds() -> tuple[np.ndarray, np.ndarray]:
    """Rows in four classes, of a shape that other commands audit too."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, C, N)
    return (rng.normal(size=(C, D))[y] + 0.3 * rng.normal(size=(N, D))).astype(np.float32), y


def write_table(path: str, labels: str) -> None:
    """A parquet file of those rows, with their labels in a column of this name."""
    z, y = clouds()
    Path(path).parent.mkdir(exist_ok=True, parents=True)
    rows = pa.FixedSizeListArray.from_arrays(z.ravel(), D)
    pq.write_table(pa.table({"embedding": rows, labels: y}), path)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder, and a bucket, with the files that the commands name."""
    z, y = clouds()
    info = tmp_path / "installed" / "bucket-1.dist-info"  # fsspec finds its file system by itself
    info.mkdir(parents=True)
    (info.parent / "bucket.py").write_text(BUCKET, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bucket\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[fsspec.specs]\ns3 = bucket:Bucket\n")
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.chdir(tmp_path)
    for name in ("shards/a.parquet", "shards/b.parquet"):
        write_table(name, "species")
    for name in ("data/a", "data/b", "old/a", "new/a", "bucket/run-7/a"):
        write_table(f"{name}.parquet", "label")
    for folder in ("demo", "labels"):
        Path(folder).mkdir()
    for name in ("demo/train_embeddings", "epoch1", "epoch9", "shard-0", "decoder", "z", "layer1"):
        np.save(f"{name}.npy", z)
    for name in ("queries", "corpus", "layer2"):
        np.save(f"{name}.npy", z)
    for name in ("demo/train_labels", "labels", "labels/0", "y"):
        np.save(f"{name}.npy", y)
    np.save("faiss.npy", z)
    np.savez("chroma.npz", embeddings=z, label=y)
    write_table("lance.parquet", "label")
    points = [
        {"vector": row, "payload": {"label": k}}
        for row, k in zip(z.tolist(), y.tolist(), strict=True)
    ]
    Path("qdrant.json").write_text(json.dumps(points))
    with zipfile.ZipFile("run-7.zip", "w") as archive:
        archive.write("epoch1.npy", "part-0.npy")
        archive.write("labels.npy", "y.npy")


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_runs(files, line):
    arguments = [
        name
        for word in shlex.split(line)[1:]
        for name in (map(str, sorted(Path().glob(word))) if word.startswith("shard-") else [word])
    ]
    if arguments[0] == "codebook":
        arguments += ["--seconds", "0.5"]
    # 1: a threshold of --fail-on does not hold, as is meant.
    assert main(arguments) == (1 if "--fail-on" in arguments else 0)


CHECKS = {
    "README.md, block 0": "report.n == N and report.worst_pairs",
    "README.md, block 1": "float(eval_step(params, z, labels)['effective_rank']) > 1",
    "README.md, block 2": "float(moments.total) == N and float(numbers['effective_rank']) > 1",
    "CONTRIBUTING.md, block 0": "float(METRICS['nesum'].value(Evidence(moments))) == approx(2)",
    "CONTRIBUTING.md, block 1": (
        "float(METRICS['nearest_distance'].of_rows(RowEvidence(copied))) == approx(2**0.5)"
    ),
    "docs/streaming.md, block 0": "report.n == N and report.worst_pairs and found('run.ckpt')",
}
"""What holds when a block of Python was executed."""

SQUARE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


@pytest.mark.parametrize("place", BLOCKS)
def test_a_block_runs(place, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_table("data/a.parquet", "label")
    z, labels = clouds()
    names = {"z": z, "labels": labels, "num_classes": C, "dim": D, "params": 2.0, "N": N}
    names |= {"batches": list(zip(np.split(z, 4), np.split(labels, 4), strict=True))}
    names |= {"embed": lambda params, x: params * x, "jax": jax, "gramax": gramax}
    names |= {"__name__": "__main__", "METRICS": Registry()}
    names |= {"moments": gramax.ClassMoments.of(SQUARE, None, 1), "Evidence": Evidence}
    names |= {"copied": np.concatenate([SQUARE, SQUARE[:1]]), "RowEvidence": RowEvidence}
    exec(compile(BLOCKS[place], place, "exec"), names)
    assert eval(CHECKS[place], names | {"approx": pytest.approx, "found": os.path.exists})


def test_every_block_is_checked():
    assert set(BLOCKS) == set(CHECKS)
    assert len(SHOWN) > 6
    for page, test in EXECUTED.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")


def test_no_block_is_of_a_kind_that_nobody_executes():
    for page, text in TEXT.items():
        kinds = {kind for _, kind, _ in FENCES.findall(text)}
        if page.parent.as_posix() == "docs/reference":
            kinds -= {"pycon"}  # the examples of the docstrings, which run as doctests of src
        assert kinds <= NOT_CODE | COMMANDS | {"python", CELL}, page
        executed = text.startswith("---\nfile_format: mystnb\n") and page.parts[0] == "docs"
        assert executed or CELL not in kinds, f"{page}: its cells are not executed"


def test_every_named_command_option_and_target_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in TEXT.items():
        for line in re.findall(r"`gramax (\w+)([^`\n]*)`", text):
            options = {name for one in cli.commands[line[0]].params for name in one.opts}
            assert set(re.findall(r"--[\w-]+", line[1])) <= options | {"--help"}, (page, line)
        for line in re.findall(r"`make ([a-z][a-z -]*)`", text):
            assert set(line.split()) <= targets, (page, line)


def test_every_benchmark_option_and_target_that_is_told_of_is_there_and_no_other():
    told = "\n".join(TEXT.values())
    for name, options in re.findall(r"python -m benchmarks\.([a-z]\w*)([^`|\n]*)", told):
        source = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in source, (name, option)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split():
        assert re.search(rf"`make [a-z -]*\b{target}\b", told), target
    for path in (ROOT / "benchmarks").glob("*.py"):
        if "__main__" in path.read_text():
            assert f"benchmarks.{path.stem}" in told or f"`{path.stem}`" in told, path.name
