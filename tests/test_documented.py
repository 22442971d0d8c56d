"""Every command that the README and the docs show is run, or at least known by that name."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from gramax.cli import cli, main

ROOT = Path(__file__).parents[1]
PAGES = [*map(ROOT.joinpath, ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
PAGES = [page for page in PAGES if "_build" not in page.parts]
TEXT = {page.relative_to(ROOT): page.read_text(encoding="utf-8") for page in PAGES}


def shown() -> list[str]:
    """`gramax` lines of shell blocks; cells, with `%%sh`, are run when the docs are built."""
    blocks = [
        block
        for text in TEXT.values()
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return sorted({line.split("  #")[0].strip() for line in lines if line.startswith("gramax ")})


class Bucket(MemoryFileSystem):
    """A remote store, in memory."""

    protocol = "s3"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("s3:/"))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder, and a bucket, with the files that the commands name."""
    rng = np.random.default_rng(0)
    n, d, c = 120, 12, 4  # a shape that other commands audit too
    y = rng.integers(0, c, n)
    z = (rng.normal(size=(c, d))[y] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
    monkeypatch.setitem(_registry, "s3", Bucket)
    monkeypatch.chdir(tmp_path)

    def table(path: str, labels: str) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        rows = pa.FixedSizeListArray.from_arrays(z.ravel(), d)
        pq.write_table(pa.table({"embedding": rows, labels: y}), path)

    for name in ("shards/a.parquet", "shards/b.parquet"):
        table(name, "species")
    for name in ("data/a.parquet", "data/b.parquet", "old/a.parquet", "new/a.parquet"):
        table(name, "label")
    Bucket().pipe_file("/bucket/run-7/a.parquet", Path("data/a.parquet").read_bytes())
    for folder in ("demo", "labels"):
        Path(folder).mkdir()
    for name in ("demo/train_embeddings", "epoch1", "epoch9", "shard-0"):
        np.save(f"{name}.npy", z)
    for name in ("demo/train_labels", "labels", "labels/0"):
        np.save(f"{name}.npy", y)
    with zipfile.ZipFile("run-7.zip", "w") as archive:
        archive.write("epoch1.npy", "part-0.npy")
        archive.write("labels.npy", "y.npy")


def test_there_are_commands():
    assert len(shown()) > 6


@pytest.mark.parametrize("line", shown())
def test_a_command_runs(files, line):
    arguments = [
        name
        for word in shlex.split(line)[1:]
        for name in (map(str, sorted(Path().glob(word))) if word.startswith("shard-") else [word])
    ]
    if arguments[0] == "codebook":
        arguments += ["--seconds", "1"]
    # 1: a threshold of --fail-on does not hold, as is meant.
    assert main(arguments) == (1 if "--fail-on" in arguments else 0)


def test_every_named_command_and_option_is_there():
    for page, text in TEXT.items():
        for line in re.findall(r"`gramax (\w+)([^`\n]*)`", text):
            command = cli.commands[line[0]]
            options = {name for one in command.params for name in one.opts}
            assert set(re.findall(r"--[\w-]+", line[1])) <= options | {"--help"}, (page, line)


def test_every_named_target_and_benchmark_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in TEXT.items():
        for line in re.findall(r"`make ([a-z][a-z -]*)`", text):
            assert set(line.split()) <= targets, (page, line)
        for name in re.findall(r"`python -m benchmarks\.([a-z]\w*)", text):
            assert (ROOT / "benchmarks" / f"{name}.py").exists(), (page, name)


def test_every_benchmark_and_target_is_told_of():
    told = "\n".join(TEXT.values())
    for path in (ROOT / "benchmarks").glob("*.py"):
        if "__main__" in path.read_text():
            assert f"benchmarks.{path.stem}" in told or f"`{path.stem}`" in told, path.name
