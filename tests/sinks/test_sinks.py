"""The light sinks, TensorBoard and JSON Lines: what was written is read back."""

import json
import subprocess
import sys
from io import BytesIO
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from tests.sinks import contract
from tests.sinks.contract import Written

import gramax
from gramax.audits.headline_metrics import LogConfig
from gramax.audits.run_reader import read_log
from gramax.errors import MissingExtraError
from gramax.training import sinks
from gramax.training.sinks import JsonLinesSink, MLflowSink, TensorBoardSink, WandbSink, log_report
from gramax.training.sinks.base import pixels_of


def read_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder / "tb"))
    events.Reload()
    tags, found = events.Tags(), Written()
    for tag in tags["scalars"]:
        found.scalars |= {(tag, e.step): e.value for e in events.Scalars(tag)}
    for tag in tags["images"]:
        found.images |= {(tag, e.step): (e.height, e.width) for e in events.Images(tag)}
    for tag in tags["histograms"]:
        found.histograms |= {(tag, e.step): e.histogram_value.num for e in events.Histograms(tag)}
    for tag in tags["tensors"]:
        for e in events.Tensors(tag):
            words = make_ndarray(e.tensor_proto).item().decode()
            found.texts[tag.removesuffix("/text_summary"), e.step] = words
    return found


def read_jsonl(folder):
    found = Written()
    for record in map(json.loads, (folder / "run.jsonl").read_text().splitlines()):
        key = (record.get("name"), record["step"])
        if record["type"] == "scalars":
            found.scalars |= {(n, record["step"]): v for n, v in record["values"].items()}
        elif record["type"] == "image":
            with Image.open(folder / record["file"]) as image:
                found.images[key] = image.size[::-1]
        elif record["type"] == "histogram":
            assert len(record["edges"]) == len(record["counts"]) + 1
            found.histograms[key] = sum(record["counts"])
        elif record["type"] == "text":
            found.texts[key] = record["text"]
    return found


SINKS = {
    "tensorboard": (lambda folder: TensorBoardSink(folder / "tb"), read_tensorboard),
    "jsonl": (lambda folder: JsonLinesSink(folder / "run.jsonl"), read_jsonl),
}


@pytest.mark.parametrize("check", contract.CHECKS)
@pytest.mark.parametrize("sink", SINKS)
def test_the_contract(tmp_path, monkeypatch, sink, check):
    make, read = SINKS[sink]
    check(lambda: make(tmp_path), lambda: read(tmp_path), tmp_path, monkeypatch)


def test_an_audit_in_tensorboard_has_its_pictures(tmp_path, rng):
    labels = np.arange(120) % 10
    z = (rng.normal(size=(10, 32))[labels] + 0.3 * rng.normal(size=(120, 32))).astype(np.float32)
    with TensorBoardSink(tmp_path / "tb") as sink:
        log_report(sink, 8, contract.taken())
        log_report(sink, 9, gramax.audit(z, labels, headroom=False))
        config = LogConfig(metrics=("cdnv",), prefix="z.")
        log_report(sink, 9, contract.taken(), config=config, pictures=False)
    found = read_tensorboard(tmp_path)
    contract.check_report(found)
    assert found.images["latent/cosines", 9] == found.images["latent/spectrum", 9] == (600, 560)
    assert found.histograms["latent/eigenvalues", 9] == 32
    assert ("latent/effective_rank", 9) in found.scalars
    assert found.scalars["z.val/cdnv", 8] == 0.25
    assert not any(name.startswith("z.") for name, _ in found.images)


def test_a_report_in_a_run_log_is_one_whole_line(tmp_path):
    with JsonLinesSink(tmp_path / "run.jsonl") as sink:
        log_report(sink, 9, contract.taken())
    (entry,) = read_log(tmp_path / "run.jsonl")
    assert entry.numbers["cdnv"] == 0.25
    assert entry.reasons == {"collapse_ratio": "needs two rows"}
    assert entry.extra == {"loss": 0.5}
    assert not (tmp_path / "run.jsonl.images").exists()


def test_transparency_is_laid_on_white():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (10, 20, 30, 255)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    for picture in (pixels, stream.getvalue()):
        found = pixels_of(picture)
        assert found[0, 0].tolist() == [10, 20, 30]
        assert found[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("module", "sink", "line"),
    [
        ("tensorboardX", "TensorBoardSink", "pip install 'gramax[train]'"),
        ("wandb", "WandbSink", "pip install wandb"),
        ("mlflow.tracking", "MLflowSink", "pip install mlflow"),
        ("trackio", "TrackioSink", "pip install trackio"),
    ],
)
def test_a_missing_package_is_named_with_its_install_line(monkeypatch, module, sink, line):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as error:
        getattr(sinks, sink)(*["x"] * (sink == "TensorBoardSink"))
    assert line in str(error.value)


class Recording(sinks.BaseSink):
    """Remembers the order in which it is flushed and ended."""

    def _open(self):
        self.calls = []

    def _nothing(self, *values):
        pass

    _scalars = _image = _histogram = _text = _nothing

    def _flush(self):
        self.calls.append("flush")

    def _close(self):
        self.calls.append("close")


class RecordingFailures(Recording):
    def _fail(self):
        self.calls.append("fail")


@pytest.mark.parametrize(("make", "end"), [(Recording, "close"), (RecordingFailures, "fail")])
def test_a_block_that_fails_ends_the_sink_as_failed_once(make, end):
    sink = make()
    contract.fail_inside(sink)
    sink.close()
    assert sink.calls == ["flush", end]
    with make() as whole:
        pass
    assert whole.calls == ["flush", "close"]


@pytest.mark.parametrize("mine", [True, False])
def test_trackers_are_told_of_a_failed_block(monkeypatch, mine):
    mlflow, wandb, run = Mock(), Mock(), Mock()
    monkeypatch.setitem(sys.modules, "mlflow.tracking", mlflow)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    contract.fail_inside(MLflowSink(None if mine else "7"))
    contract.fail_inside(WandbSink(None if mine else run))
    ended, finished = mlflow.MlflowClient().set_terminated, wandb.init().finish
    if mine:
        ended.assert_called_once_with(mlflow.MlflowClient().create_run().info.run_id, "FAILED")
        finished.assert_called_once_with(exit_code=1)
    else:
        assert not ended.called
        assert not run.finish.called


def test_a_picture_in_a_run_log_needs_pillow_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with JsonLinesSink(tmp_path / "run.jsonl") as sink:
        sink.image(5, "gram", contract.PIXELS)
        monkeypatch.setitem(sys.modules, "PIL.Image", None)
        with pytest.raises(MissingExtraError, match="writing a PNG needs pillow"):
            sink.image(6, "gram", contract.PIXELS)
    assert read_jsonl(tmp_path).images == {("gram", 5): (6, 8)}


def test_importing_sinks_and_adapters_loads_no_framework():
    code = """
import sys, gramax.training.sinks, gramax.training
loaded = {name.partition(".")[0] for name in sys.modules}
print(loaded & {"flax", "torch", "clu", "keras", "tensorboardX", "wandb", "mlflow", "trackio",
                "matplotlib", "PIL", "transformers", "lightning"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
