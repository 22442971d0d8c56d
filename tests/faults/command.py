"""The real command over rows that are made slowly, in small tasks, saved after each.

`python -m tests.faults.command ROWS SECONDS audit made.npy ...`: SECONDS a fragment of 100 rows.
"""

import sys

from tests.streams import Stream, small_tasks

from gramax.__main__ import run
from gramax.streaming import checkpoint, collection, tasks


def slow(rows, seconds):
    tasks.sizes = small_tasks(64, 200)
    checkpoint.SECONDS, checkpoint.SHARE = 0.0, 1e9
    collection.open_source = lambda *_: (Stream(rows, seconds=seconds), ())


if __name__ == "__main__":
    slow(int(sys.argv[1]), float(sys.argv[2]))
    sys.argv[1:3] = []
    run()
