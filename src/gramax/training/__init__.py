"""Adapters that audit from inside a training loop, one file a framework.

`training.nnx` (Flax), `training.clu` (clu and metrax), `training.lightning`,
`training.transformers` and `training.keras`: each is imported by the one who uses it, and needs its
framework alone. A loop in plain JAX or Equinox needs none: `ClassMoments` is a pytree. Where the
numbers go is the business of `gramax.training.sinks`.
"""

from gramax.audits.headline import HEADLINE, LogConfig
from gramax.training.collecting import RowCollector, measure

__all__ = ["HEADLINE", "LogConfig", "RowCollector", "measure"]
