"""The trackers that are large to install, offline: what was written is read back."""

import json
import sqlite3
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from tests.sinks import contract
from tests.sinks.contract import Written

from gramax.training.sinks import MLflowSink, TrackioSink, WandbSink, log_report

pytestmark = [pytest.mark.nightly, pytest.mark.filterwarnings("ignore")]


def make_mlflow(folder):
    return MLflowSink(uri=f"sqlite:///{folder}/runs.db")


def read_mlflow(folder):
    from mlflow.artifacts import download_artifacts
    from mlflow.tracking import MlflowClient
    from PIL import Image

    client, found = MlflowClient(f"sqlite:///{folder}/runs.db"), Written()
    experiment = client.get_experiment_by_name("gramax")
    (run,) = client.search_runs([experiment.experiment_id])
    for name in run.data.metrics:
        history = client.get_metric_history(run.info.run_id, name)
        found.scalars |= {(name, point.step): point.value for point in history}
    where = {"tracking_uri": f"sqlite:///{folder}/runs.db", "dst_path": str(folder / "read")}
    (folder / "read").mkdir()
    root = Path(download_artifacts(run_id=run.info.run_id, **where))
    for path in (path for path in root.rglob("*") if path.is_file()):
        key = (str(path.parent.relative_to(root)), int(path.stem))
        if path.suffix == ".png":
            with Image.open(path) as image:
                found.images[key] = image.size[::-1]
        elif path.suffix == ".json":
            found.histograms[key] = sum(json.loads(path.read_text())["counts"])
        else:
            found.texts[key] = path.read_text()
    return found


def make_wandb(folder):
    sink = WandbSink(project="gramax", mode="offline", dir=str(folder))
    if sink._run is not None:  # as in any process but the first
        LOGGED[folder] = sink._run.log = Mock(wraps=sink._run.log)
    return sink


LOGGED = {}
"""What a real, offline run of Weights & Biases was given, by its folder."""


def read_wandb(folder):
    import wandb

    found = Written()
    for call in LOGGED[folder].call_args_list:
        values = dict(call.args[0])
        step = values.pop("audit/step")
        for name, value in values.items():
            if isinstance(value, wandb.Image):
                found.images[name, step] = value.image.size[::-1]
            elif isinstance(value, wandb.Histogram):
                found.histograms[name, step] = sum(value.histogram)
            elif isinstance(value, wandb.Table):
                found.texts[name, step] = value.data[0][1]
            else:
                found.scalars[name, step] = value
    return found


def make_trackio(folder):
    return TrackioSink(project=f"gramax-{folder.name}", name="run")


def read_trackio(folder):
    import trackio.utils
    from PIL import Image

    base = Path(trackio.utils.TRACKIO_DIR)  # fixed when trackio is first imported
    (path,) = [p for p in base.rglob("*.db") if p.stem == f"gramax-{folder.name}"]
    found = Written()
    with sqlite3.connect(path) as database:
        rows = database.execute("select step, metrics from metrics").fetchall()
    for step, text in rows:
        for name, value in json.loads(text).items():
            key, kind = (name, step), value.get("_type") if isinstance(value, dict) else None
            if kind is None:
                found.scalars[key] = value
            elif kind == "trackio.histogram":
                found.histograms[key] = sum(value.get("values", value.get("histogram")))
            elif kind == "trackio.image":
                (image_path,) = base.rglob(value["file_path"].rpartition("/")[2])
                with Image.open(image_path) as image:
                    found.images[key] = image.size[::-1]
            else:
                found.texts[key] = value.get("_value", value.get("value"))
    return found


SINKS = {
    "mlflow": (make_mlflow, read_mlflow),
    "wandb": (make_wandb, read_wandb),
    "trackio": (make_trackio, read_trackio),
}


def a_report_is_read_back(make, read, *_):
    with make() as sink:
        log_report(sink, 9, contract.taken())
    contract.check_report(read())


@pytest.mark.parametrize("check", [*contract.CHECKS, a_report_is_read_back])
@pytest.mark.parametrize("sink", SINKS)
def test_the_contract(tmp_path, monkeypatch, sink, check):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    make, read = SINKS[sink]
    check(lambda: make(tmp_path), lambda: read(tmp_path), tmp_path, monkeypatch)


@pytest.mark.parametrize(("fails", "status"), [(True, "FAILED"), (False, "FINISHED")])
def test_the_status_of_an_mlflow_run(tmp_path, monkeypatch, fails, status):
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)  # where artifacts go
    sink = make_mlflow(tmp_path)
    contract.fail_inside(sink) if fails else sink.close()
    run = MlflowClient(f"sqlite:///{tmp_path}/runs.db").get_run(sink.run_id)
    assert run.info.status == status


def test_a_run_of_ones_own_stays_open(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(project="p", mode="offline", dir=str(tmp_path)) as run:
        run.log({"loss": 1.0}, step=100)
        with WandbSink(run) as sink:
            sink.scalars(7, {"rank": np.float32(2.5)})
        run.log({"loss": 0.5}, step=200)
        assert run.summary["rank"] == 2.5
