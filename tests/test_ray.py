"""The Ray engine: on a cluster that it starts, and on one that runs already."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from gramax.errors import InputError
from gramax.streaming import accumulate, engines, tasks
from tests.streams import ONE, Stream, assert_same, bits, small_tasks, with_engine

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is an extra: pip install 'gramax[ray]'"
)


def test_ray_survives_its_workers_and_names_poison(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 100))
    once = str(tmp_path / "died")
    with engines.opened("ray", workers=2) as engine:
        deadly = Stream(300, odd=((1, {"deadly": once}),))
        found = accumulate(deadly, ONE, 1, True, engine=engine)
        assert os.path.exists(once)
        assert bits(found) == bits(accumulate(deadly, ONE, 1, True, engine=engine))
        poison = Stream(200, odd=((1, {"deadly": "always"}),))
        with pytest.raises(InputError, match="rows 100-199"):
            accumulate(poison, ONE, 1, True, engine=engine)
    here = accumulate(deadly, ONE, 1, True)
    assert here.done == found.done == 3
    assert_same(found, here, rtol=1e-12)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def cluster(tmp_path):
    """The address of a cluster of two cores that somebody else has started."""
    address = free_address()
    host, port = address.split(":")
    options = ["--node-ip-address", host, "--port", port, "--num-cpus", "2"]
    quiet = ["--include-dashboard=false", "--disable-usage-stats", "--log-color=false"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    log = tmp_path / "log"
    # A folder of its own, or `auto` would mean this cluster long after it is gone; a short one,
    # as there are sockets in it.
    own = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    env = {**os.environ, "RAY_TMPDIR": own}
    with log.open("w") as out:
        head = psutil.Popen(
            [*command, *options, *quiet], stdout=out, stderr=subprocess.STDOUT, env=env
        )
    try:
        while "Ray runtime started" not in log.read_text():
            with pytest.raises(psutil.TimeoutExpired):
                head.wait(0.2)
        yield address
    finally:
        parts = [*head.children(recursive=True), head]
        for part in parts:
            part.kill()
        psutil.wait_procs(parts)
        shutil.rmtree(own, ignore_errors=True)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_running_cluster_is_found_used_and_left_running(cluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    for address, normalize, offset in (("auto", True, 0.0), (cluster, False, 100.0)):
        with engines.opened("ray", address=address) as engine:
            assert engine.workers == 2
            here = with_engine(None, normalize, offset)
            assert_same(with_engine(engine, normalize, offset), here, rtol=1e-12)
    host, port = cluster.split(":")
    socket.create_connection((host, int(port)), timeout=10).close()


@pytest.mark.parametrize("known_by", ["a note", "the environment"])
def test_a_cluster_that_is_gone_is_refused_at_once(tmp_path, monkeypatch, known_by):
    from ray._private import services

    began, address = time.monotonic(), free_address()
    monkeypatch.setattr(services, "find_gcs_addresses", frozenset)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    if known_by == "a note":  # which Ray leaves of a cluster that is gone
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(f"{address}\n")
    else:  # and a later Ray may keep its functions elsewhere
        address = f"ray://{address}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        monkeypatch.delattr(services, "get_ray_address_from_environment")
    with pytest.raises(InputError, match=rf"auto means {address}, and nothing answers there"):
        engines.opened("ray", address="auto").__enter__()
    assert time.monotonic() - began < 15
