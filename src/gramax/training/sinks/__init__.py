"""Where an audit goes while a network trains: loggers behind one small interface.

Each sink writes in the first process alone, leaves out what is not finite (and says why as text),
and imports its package when it is made.
"""

from gramax.training.sinks.base import BaseSink, Sink, first_process
from gramax.training.sinks.jsonl import JsonLinesSink
from gramax.training.sinks.mlflow import MLflowSink
from gramax.training.sinks.reporting import log_report
from gramax.training.sinks.tensorboard import TensorBoardSink
from gramax.training.sinks.trackio import TrackioSink
from gramax.training.sinks.wandb import WandbSink

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
