"""Lightning, the Hugging Face Trainer and Keras: a real run of each, checked against its rows.

The blocks of docs/training.md and docs/pytorch.md that need them are executed here too.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gramax
from gramax import ClassMoments
from gramax.audits.headline_metrics import HEADLINE, LogConfig
from gramax.audits.run_reader import read_runs
from gramax.training import RowCollector, measure
from gramax.training.sinks import JsonLinesSink

pytestmark = [pytest.mark.nightly, pytest.mark.filterwarnings("ignore")]

C, D, N = 4, 8, 40
ROOT = Path(__file__).parents[2]


def data():
    rng = np.random.default_rng(0)
    y = np.arange(N) % C
    return (rng.normal(size=(C, D))[y] + 0.3 * rng.normal(size=(N, D))).astype(np.float32), y


def expected(rows, labels):
    """The headline numbers of `gramax.report`, which takes the rows as NumPy's in float64."""
    found = gramax.report(ClassMoments.of(np.asarray(rows, float), labels, C))
    return {name: float(found[name]) for name in HEADLINE.values()}


def check(found, rows, labels, prefix=""):
    for name, value in expected(rows, labels).items():
        assert float(found[prefix + name]) == pytest.approx(value, rel=1e-5), name


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestTap:
    @pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
    def test_rows_stay_tensors_and_half_precision_is_widened(self, dtype):
        import torch

        x, y = data()
        rows = torch.from_numpy(x).requires_grad_().to(getattr(torch, dtype))
        collector = RowCollector(C)
        for part in (slice(0, 16), slice(16, N)):
            collector.add(rows[part], torch.from_numpy(y[part]))
        mean = collector.moments.mean
        assert (mean.device, mean.requires_grad) == (rows.device, False)
        assert mean.dtype == (torch.float64 if dtype == "float64" else torch.float32)
        check(measure(collector.moments), rows.detach().double().numpy(), y)

    def test_rows_are_taken_before_they_are_changed_in_place(self):
        import torch

        from gramax.training.collector import Tap

        x, y = data()
        net = torch.nn.Sequential(torch.nn.Linear(D, D), torch.nn.ReLU(inplace=True))
        rows = net[0](torch.from_numpy(x)).detach().numpy().copy()
        collector = RowCollector(C)
        tap = Tap(net, "0", collector)
        tap.labels = torch.from_numpy(y)
        net(torch.from_numpy(x))
        tap.detach()
        net(torch.from_numpy(x))
        assert float(collector.moments.total) == N
        check(measure(tap.moments()), rows, y)

    def test_pick_and_what_is_wrong_without_it(self):
        import torch

        from gramax.training.collector import Tap

        class Pair(torch.nn.Module):
            def forward(self, z):
                return {"hidden": z[:, None, :], "pooled": z}

        x, y = data()
        net, x = torch.nn.Sequential(Pair()), torch.from_numpy(x)
        for pick, words in (
            (None, "gives a mapping of hidden, pooled, not a tensor: pass pick="),
            (lambda out: out["hidden"], r"gives shape \(40, 1, 8\), rows are \[n, d\]"),
        ):
            tap = Tap(net, "0", RowCollector(C), pick)
            tap.labels = y
            with pytest.raises(ValueError, match=words):
                net(x)
            tap.detach()
        tap = Tap(net, "0", RowCollector(C), lambda out: out["pooled"])
        net(x)
        with pytest.raises(ValueError, match="was called with no labels at hand"):
            tap.moments()
        tap.labels = y
        net(x)
        assert float(tap.moments().total) == N
        with pytest.raises(ValueError, match=r"no module '00'; near: 0"):
            Tap(net, "00", RowCollector(C))

    def test_processes_are_merged(self, tmp_path):
        import torch.multiprocessing as mp

        mp.spawn(_rank, args=(str(tmp_path),), nprocs=2)
        for rank in range(2):
            check(np.load(tmp_path / f"{rank}.npz"), *data())


def _rank(rank, folder):
    """One of two processes: every second row each; a third call has rows on the first alone."""
    import torch.distributed

    from gramax.training.collector import merged_over_processes
    from gramax.training.sinks import first_process

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    x, y = data()
    collector = RowCollector(C)
    collector.add(x[rank::2], y[rank::2])
    np.savez(f"{folder}/{rank}.npz", **measure(merged_over_processes(collector.moments)))
    assert first_process() == (rank == 0)
    alone = merged_over_processes(collector.moments if rank == 0 else None)
    assert float(alone.total) == N / 2
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("adapter", ["lightning", "transformers", "keras"])
def test_no_jax_is_needed(adapter, tmp_path):
    """Of a whole run with a sink too: the tests below run the same callbacks."""
    module = "lightning.pytorch" if adapter == "lightning" else adapter
    code = f"""
import os, sys, numpy as np
os.environ["KERAS_BACKEND"] = "torch"
import torch
import {module}
before = "jax" in sys.modules  # Keras imports it where it is installed
import gramax.training.{adapter}
from gramax.training import RowCollector
from gramax.training.collector import Recorder, Tap
from gramax.training.sinks import JsonLinesSink
net, y = torch.nn.Sequential(torch.nn.Linear(8, 8)), torch.arange(40) % 4
tap = Tap(net, "0", RowCollector(4))
tap.labels = y
net(torch.randn(40, 8))
with JsonLinesSink("run.jsonl") as sink:
    recorder = Recorder(sink=sink)
    assert len(recorder.scalars(tap.moments(), "val")) == 5
    recorder.write(tap.moments(), "val", 1, 0)
assert ("jax" in sys.modules) == before
"""
    run = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def lightning_net():
    import lightning
    import torch

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = torch.nn.Linear(D, D), torch.nn.Linear(D, C)

        def training_step(self, batch, index):
            z = self.encoder(batch[0])
            return torch.nn.functional.cross_entropy(self.head(z), batch[1])

        def validation_step(self, batch, index):
            self.encoder(batch[0])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, data()))
    return Net(), torch.utils.data.DataLoader(rows, batch_size=16)


class TestLightning:
    def run(self, tmp_path, **options):
        import lightning

        from gramax.training.lightning import GeometryCallback

        net, loader = lightning_net()
        try:
            with JsonLinesSink(tmp_path / "run.jsonl") as sink:
                trainer = lightning.Trainer(
                    max_epochs=2,
                    accelerator="cpu",
                    logger=False,
                    enable_checkpointing=False,
                    enable_progress_bar=False,
                    enable_model_summary=False,
                    callbacks=[GeometryCallback("encoder", C, sink=sink, **options)],
                )
                trainer.fit(net, loader, loader)
        finally:
            assert not net.encoder._forward_hooks
        seen = {k: float(v) for k, v in trainer.callback_metrics.items()}
        return seen, net, read_runs(tmp_path / "run.jsonl")

    def test_validation_alone(self, tmp_path):
        import torch

        seen, net, log = self.run(tmp_path)
        x, y = data()
        check(seen, net.encoder(torch.from_numpy(x)).detach().numpy(), y, "latent/val/")
        assert len(seen) == len(HEADLINE)
        assert set(log) == {"val"}
        assert [(e.step, e.extra["epoch"], e.n) for e in log["val"]] == [(3, 0, N), (6, 1, N)]

    def test_training_rows_too_every_second_epoch(self, tmp_path):
        config = LogConfig(metrics=("effective_rank",), prefix="z/", every=2)
        seen, _, log = self.run(tmp_path, train=True, config=config)
        assert set(seen) == {"z/val/effective_rank", "z/train/effective_rank"}
        steps = {name: [e.step for e in entries] for name, entries in log.items()}
        assert steps == {"val": [6], "train": [6]}

    def test_hooks_are_removed_after_an_error(self, tmp_path):
        with pytest.raises(ValueError, match="labels of shape"):
            self.run(tmp_path, labels=lambda batch: batch[1][:3])

    def test_the_example(self, tmp_path, capsys):
        found = example("train_lightning").main(epochs=1, out=tmp_path / "run.jsonl")
        assert 0 < found["latent/val/collapse_ratio"] < 1
        assert len(read_runs(tmp_path / "run.jsonl")["val"]) == 1


def hugging_face_trainer(tmp_path):
    import torch
    from transformers import Trainer, TrainingArguments

    class Pooler(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pooler = torch.nn.Linear(D, D)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert, self.head = Pooler(), torch.nn.Linear(D, C)

        def forward(self, x, labels=None):
            logits = self.head(self.bert.pooler(x))
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    arguments = TrainingArguments(
        str(tmp_path),
        max_steps=2,
        per_device_eval_batch_size=16,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    x, y = data()
    rows = [{"x": torch.from_numpy(a), "labels": int(b)} for a, b in zip(x, y, strict=True)]
    return Trainer(Net(), arguments, train_dataset=rows, eval_dataset=rows)


class TestTransformers:
    def test_the_example(self, tmp_path, capsys):
        found = example("train_hf").main(epochs=2, out=tmp_path / "run.jsonl", most=60)
        log = read_runs(tmp_path / "run.jsonl")["eval"]
        assert [line["step"] for line in found] == [entry.step for entry in log]
        for line, entry in zip(found, log, strict=True):
            rank = entry.numbers["effective_rank"]
            assert line["latent/eval/effective_rank"] == pytest.approx(rank, rel=1e-3)

    def test_rows_labels_and_hooks(self, tmp_path):
        import torch

        from gramax.training.transformers import GeometryCallback

        def logged():
            key = "latent/eval/effective_rank"
            return [line for line in trainer.state.log_history if key in line]

        trainer = hugging_face_trainer(tmp_path)
        net = trainer.model
        callback = GeometryCallback(trainer, "bert.pooler", C)
        trainer.add_callback(callback)
        trainer.train()
        assert [line["step"] for line in logged()] == [1, 2]
        x, y = data()
        z = net.bert.pooler(torch.from_numpy(x)).detach().numpy()
        check(logged()[-1], z, y, "latent/eval/")
        assert not net.bert.pooler._forward_hooks
        assert not net._forward_pre_hooks
        trainer.evaluate()  # outside training nothing is gathered unless asked for
        with callback.attached():
            trainer.predict(trainer.eval_dataset)
            trainer.evaluate()
        assert len(logged()) == 3
        check(logged()[-1], z, y, "latent/eval/")


def keras_model():
    import keras

    model = keras.Sequential(
        [keras.Input((D,)), keras.layers.Dense(D, name="features"), keras.layers.Dense(10)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


class TestKeras:
    def test_the_logs_hold_the_numbers_of_the_layer(self, tmp_path):
        import keras

        from gramax.training.keras import GeometryCallback

        (x, y), model = data(), keras_model()
        with JsonLinesSink(tmp_path / "run.jsonl") as sink:
            callback = GeometryCallback("features", (x, y), C, sink=sink, batch_size=16)
            fitted = model.fit(x, y, batch_size=20, epochs=2, verbose=0, callbacks=[callback])
        part = keras.Model(model.inputs, model.get_layer("features").output)
        last = {name: values[-1] for name, values in fitted.history.items()}
        check(last, part.predict(x, verbose=0), y, "latent/val/")
        log = read_runs(tmp_path / "run.jsonl")["val"]
        assert [(entry.step, entry.n) for entry in log] == [(2, N), (4, N)]

    def test_a_function_for_any_model_and_pick(self):
        from gramax.training.keras import GeometryCallback

        x, y = data()
        callback = GeometryCallback(
            lambda batch: {"z": batch},
            (x, y),
            C,
            pick=lambda out: out["z"],
            config=LogConfig(every=2),
        )
        fitted = keras_model().fit(x, y, epochs=1, verbose=0, callbacks=[callback])
        assert not any("latent" in name for name in fitted.history)
        logs = {}
        callback.on_epoch_end(1, logs)
        check(logs, x, y, "latent/val/")

    def test_the_example(self, tmp_path, capsys):
        history = example("train_keras").main(epochs=2, out=tmp_path / "run.jsonl")
        assert history["latent/val/collapse_ratio"][1] < history["latent/val/collapse_ratio"][0]


def test_a_metrax_wrapper_takes_the_metric():
    import jax.numpy as jnp
    from metrax.nnx.nnx_wrapper import NnxWrapper

    from gramax.training.clu import geometry_metric

    x, y = data()

    class Geometry(NnxWrapper):  # as metrax wraps its own
        def __init__(self):
            super().__init__(geometry_metric(C, D))

    metric = Geometry()
    metric.update(features=jnp.asarray(x), labels=jnp.asarray(y))
    check(metric.compute(), x, y)


def python_blocks(page):
    """The blocks of a page and the headings above them; `{code-cell}`s run as docs are built."""
    sections = re.split(r"^## ", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.M)
    return [
        (section.partition("\n")[0], block)
        for section in sections
        for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    ]


def documented_lightning(block, _):
    net, loader = lightning_net()
    exec(block, names := {})
    names["trainer"].validate(net, loader)
    names["sink"].close()
    assert "latent/val/effective_rank" in names["trainer"].callback_metrics
    assert set(read_runs("run.jsonl")) == {"val"}


def documented_hugging_face(block, tmp_path):
    exec(block, {"trainer": (trainer := hugging_face_trainer(tmp_path))})
    assert any("latent/eval/effective_rank" in line for line in trainer.state.log_history)


def documented_keras(block, _):
    (x, y), model = data(), keras_model()
    exec(block, {"model": model, "x": x, "y": y, "x_val": x, "y_val": y})
    assert len(model.history.history["latent/val/effective_rank"]) == 10


DOCUMENTED = {
    "Lightning": documented_lightning,
    "Hugging Face Trainer": documented_hugging_face,
    "Keras 3": documented_keras,
}


@pytest.mark.parametrize(("heading", "block"), python_blocks("training.md"))
def test_the_blocks_of_the_training_page(tmp_path, monkeypatch, heading, block):
    monkeypatch.chdir(tmp_path)
    DOCUMENTED[heading](block, tmp_path)


def test_the_page_of_pytorch(tmp_path, monkeypatch, capsys):
    """Every block of that page goes on from the one before."""
    monkeypatch.chdir(tmp_path)
    names = {}
    for _, block in python_blocks("pytorch.md"):
        exec(block, names)
    assert [one["effective_rank"] > 1 for one in names["history"]] == [True] * 3
    assert names["report"].n == float(names["collector"].moments.total) == 397
    assert "effective rank" in capsys.readouterr().out
    assert [len(entries) for entries in read_runs("run.jsonl").values()] == [2]
