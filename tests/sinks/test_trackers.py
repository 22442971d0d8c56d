"""The trackers that are large to install, offline: what was written is read back."""

import json
import sqlite3
import struct
import time
from pathlib import Path

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
    (folder / "read").mkdir()
    where = download_artifacts(
        run_id=run.info.run_id,
        tracking_uri=f"sqlite:///{folder}/runs.db",
        dst_path=str(folder / "read"),
    )
    for path in map(str, (p for p in Path(where).rglob("*") if p.is_file())):
        name, _, last = path.removeprefix(f"{str(where).rstrip('/')}/").rpartition("/")
        key = (name, int(last.partition(".")[0]))
        if path.endswith(".png"):
            with Image.open(path) as image:
                found.images[key] = image.size[::-1]
        elif path.endswith(".json"):
            with open(path) as file:
                found.histograms[key] = sum(json.load(file)["counts"])
        else:
            with open(path) as file:
                found.texts[key] = file.read()
    return found


def make_wandb(folder):
    return WandbSink(project="gramax", mode="offline", dir=str(folder))


def read_wandb(folder):
    from PIL import Image

    (path,) = folder.rglob("*.wandb")
    found = Written()
    for record in wandb_records(path):
        if not record.HasField("history"):
            continue
        values = {}
        for item in record.history.item:
            name, *inner = item.nested_key or [item.key]
            value = json.loads(item.value_json)
            if inner:
                values.setdefault(name, {})["/".join(inner)] = value
            else:
                values[name] = value
        step = values.pop("audit/step")
        for name, value in values.items():
            key = (name, step)
            if name.startswith("_"):
                continue
            kind = value.get("_type") if isinstance(value, dict) else None
            if kind is None:
                found.scalars[key] = value
            elif kind == "histogram":
                found.histograms[key] = sum(value["values"])
            elif kind.startswith("image"):
                with Image.open(path.parent / "files" / value["path"]) as image:
                    found.images[key] = image.size[::-1]
            else:
                table = json.loads((path.parent / "files" / value["path"]).read_text())
                found.texts[key] = table["data"][0][1]
    return found


def wandb_records(path):
    """What the run has written; wandb's service may still write after the run was finished."""
    from wandb.proto import wandb_internal_pb2

    late = time.monotonic() + 30
    while True:
        records = []
        for data in _records(path.read_bytes()):
            records.append(wandb_internal_pb2.Record())
            records[-1].ParseFromString(data)
        if any(record.HasField("exit") for record in records) or time.monotonic() > late:
            return records
        time.sleep(0.2)


def _records(data):
    """The records of an offline file: LevelDB's log format, after a header of 7 bytes."""
    at, parts = 7, []
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        parts.append(data[at + 7 : at + 7 + size])
        at += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield b"".join(parts)
            parts = []


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


@pytest.mark.parametrize("fails", [True, False])
def test_the_exit_code_of_a_wandb_run(tmp_path, monkeypatch, fails):
    monkeypatch.setenv("WANDB_SILENT", "true")
    sink = make_wandb(tmp_path)
    contract.fail_inside(sink) if fails else sink.close()
    (path,) = tmp_path.rglob("*.wandb")
    codes = [r.exit.exit_code for r in wandb_records(path) if r.HasField("exit")]
    assert codes == [int(fails)]


def test_a_run_of_ones_own_stays_open(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(project="p", mode="offline", dir=str(tmp_path)) as run:
        run.log({"loss": 1.0}, step=100)
        with WandbSink(run) as sink:
            sink.scalars(7, {"rank": np.float32(2.5)})
        run.log({"loss": 0.5}, step=200)
        assert run.summary["rank"] == 2.5
