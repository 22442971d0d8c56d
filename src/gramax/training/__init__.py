"""Adapters that audit from inside a training loop, one file a framework.

`training.nnx` (Flax) and `training.clu` (clu and metrax) need JAX; `training.lightning`,
`training.transformers` and `training.keras` need their framework alone. Each is imported by the
one who uses it. A loop in plain JAX, Equinox or PyTorch needs none: `ClassMoments` takes the arrays
of each. Where the numbers go is the business of `gramax.training.sinks`.
"""

from gramax.audits.headline_metrics import HEADLINE, LogConfig
from gramax.training.collector import RowCollector, measure

__all__ = ["HEADLINE", "LogConfig", "RowCollector", "measure"]
