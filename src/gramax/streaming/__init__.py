"""From a source to moments: rows are cut into tasks, run on an engine, and merged in order.

`inputs` opens what the user named, `tasks` cuts it, `sums` is what a worker does with a task,
`accumulation` hands tasks to an engine and merges what comes back, `checkpoint` keeps what is
done, `collection` does all of it, and `isolation` says whether here or in a child process.
"""

from gramax.streaming.accumulation import accumulate
from gramax.streaming.collection import Collected, Opened, Request, RowStream
from gramax.streaming.execution import Execution, Progress
from gramax.streaming.inputs import Classes, classes_of, open_source
from gramax.streaming.isolation import collect, matrices_in, reads_here, streamed
from gramax.streaming.results import LeftOut, Sample, Totals, in_words, joined

__all__ = [
    "Classes",
    "Collected",
    "Execution",
    "LeftOut",
    "Opened",
    "Progress",
    "Request",
    "RowStream",
    "Sample",
    "Totals",
    "accumulate",
    "classes_of",
    "collect",
    "in_words",
    "joined",
    "matrices_in",
    "open_source",
    "reads_here",
    "streamed",
]
