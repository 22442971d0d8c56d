"""Where an audit goes while a network trains: loggers behind one small interface.

Each sink writes in the first process alone, leaves out what is not finite (and says why as text),
and imports its package when it is made.
"""

from gramax.training.sinks.base import BaseSink, Sink, first_process
from gramax.training.sinks.reporting import JsonLinesSink, log_report
from gramax.training.sinks.trackers import MLflowSink, TensorBoardSink, TrackioSink, WandbSink

__all__ = [
    "BaseSink",
    "JsonLinesSink",
    "MLflowSink",
    "Sink",
    "TensorBoardSink",
    "TrackioSink",
    "WandbSink",
    "first_process",
    "log_report",
]
