"""Where an audit goes while a network trains: loggers behind one small interface.

Each sink writes in the first process alone, leaves out what is not finite (and says why as text),
and imports its package when it is made.
"""

from gramax.sinks.base import BaseSink, Sink, first_process
from gramax.sinks.jsonl import JsonLinesSink
from gramax.sinks.mlflow import MLflowSink
from gramax.sinks.reporting import log_report
from gramax.sinks.tensorboard import TensorBoardSink
from gramax.sinks.trackio import TrackioSink
from gramax.sinks.wandb import WandbSink

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
