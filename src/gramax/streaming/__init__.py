"""From a source to moments: rows cut into tasks, run on an engine, merged in order.

`inputs` opens what the user named, `tasks` cuts it, `gather` is what a worker does with a task,
`running` hands tasks to an engine, `checkpoint` keeps what is done, and `accumulate` is all of it.
"""

from gramax.streaming.accumulation import Progress, accumulate
from gramax.streaming.inputs import Classes, classes_of, open_source
from gramax.streaming.results import LeftOut, Sample, Totals, in_words, joined

__all__ = [
    "Classes",
    "LeftOut",
    "Progress",
    "Sample",
    "Totals",
    "accumulate",
    "classes_of",
    "in_words",
    "joined",
    "open_source",
]
