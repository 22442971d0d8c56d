"""What every adapter needs: rows gathered batch by batch, and where the numbers of them go.

Nothing here imports PyTorch or JAX: tensors stay what they are, on their device.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from array_api_compat import is_jax_array

from gramax._shapes import Float
from gramax.arrays.namespace import Array, as_array, compiled, namespace, to_numpy
from gramax.audits.headline_metrics import HEADLINE, LogConfig
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.training.sinks import Sink, log_report


@compiled("metrics")
def measure(
    moments: ClassMoments, metrics: tuple[str, ...] = tuple(HEADLINE.values())
) -> dict[str, Float[Array, ""]]:
    """These metrics of the moments by name, NaN where undefined; works inside JAX's jit too.

    Args:
        moments: of the rows so far.
        metrics: names of metrics that moments determine (see `gramax metrics`).

    Returns:
        Scalars of the library of the moments, each in the range that docs/metrics.md gives for it.

    Raises:
        KeyError: there is no such metric.
        ValueError: a metric needs more than moments hold.

    Example:
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = measure(ClassMoments.of(z, np.array([0, 0, 1, 1]), 2), ("class_coherence",))
        >>> print(found["class_coherence"])
        1.0
    """
    evidence = Evidence(moments)
    return {name: METRICS[name].value(evidence) for name in metrics}


class RowCollector:
    """Moments that grow batch by batch, in the library of the rows and on their device.

    Example:
        >>> collector = RowCollector(2)
        >>> collector.add(np.array([[1.0, 0.0], [0.0, 1.0]]), [0, 1])
        >>> collector.add(np.array([[0.0, 2.0]]), [1])
        >>> print(collector.moments.counts)
        [1. 2.]
    """

    def __init__(self, num_classes: int, *, normalize: bool = True) -> None:
        """Collect rows of `num_classes` classes, on the unit sphere or (normalize=False) raw.

        `moments` holds the `ClassMoments` of all rows so far, None before the first batch.
        """
        self._classes, self._normalize = num_classes, normalize
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self.moments: ClassMoments | None = None
        self._longest = 0

    def add(self, z: Any, y: Any, weight: Any = None) -> None:
        """Add the rows of a batch. They are summed before this returns: `z` may change afterwards.

        Args:
            z: `[n, d]` rows of any array library; a PyTorch tensor is detached from its graph.
            y: `[n]` labels in 0..c-1; a negative one (often -100) leaves its row out.
            weight: `[n]` weights; rows of weight 0 do not exist.

        Raises:
            ValueError: the shapes do not match, or a label is not below the number of classes.
        """
        rows, labels = as_array(z), to_numpy(as_array(y))
        if rows.ndim != 2 or labels.shape != tuple(rows.shape[:1]):
            raise ValueError(
                "rows are [n, d] and labels [n]; "
                f"got rows of shape {tuple(rows.shape)} and labels of shape {labels.shape}"
            )
        rows = rows.detach() if hasattr(rows, "detach") else rows
        labels = np.maximum(labels, -1) if labels.dtype.kind == "i" else labels
        if is_jax_array(rows):
            # JAX compiles for each shape: rows of weight 0 fill up to the longest batch so far.
            weight = np.ones(len(labels)) if weight is None else np.asarray(weight)
            self._longest = max(self._longest, len(labels))
            short = self._longest - len(labels)
            xp = namespace(rows)
            rows = xp.concat([rows, xp.zeros((short, rows.shape[1]), dtype=rows.dtype)])
            labels = np.pad(labels, (0, short))
            weight = np.pad(weight.astype(np.float32), (0, short))
        if self.moments is None:
            self.moments = ClassMoments.empty(
                self._classes, rows.shape[1], normalize=self._normalize
            )
        self.moments = self.moments.update(rows, labels, weight)


Pick = Callable[[Any], Any]
"""From what a module gives (a tensor, tuple or mapping) to the `[n, d]` tensor of its rows."""


@dataclass(frozen=True)
class Recorder:
    """Where numbers of an audit go: named scalars for the trainer, the whole audit to a sink."""

    config: LogConfig = field(default_factory=LogConfig)
    sink: Sink | None = None
    classes: Sequence[str] | None = None

    def scalars(self, moments: ClassMoments, stage: str) -> dict[str, float]:
        """The metrics that are defined, as floats under their names in the trainer's logger."""
        found = measure(moments, self.config.metrics)
        values = {f"{self.config.prefix}{stage}/{k}": float(v) for k, v in found.items()}
        return {name: value for name, value in values.items() if math.isfinite(value)}

    def write(self, moments: ClassMoments, stage: str, step: int, epoch: float | None) -> None:
        """Send the whole audit to the sink, where there is one."""
        if self.sink:
            log_report(
                self.sink,
                step,
                moments,
                name=stage,
                classes=self.classes,
                extra={} if epoch is None else {"epoch": epoch},
                config=self.config,
            )


def labels_in(batch: Any) -> Any:
    """The labels of a batch as data sets give it: (inputs, labels, …), or by their usual names."""
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return batch[1]
    named = batch if isinstance(batch, Mapping) else {}
    for key in ("labels", "label", "y", "target", "targets"):
        if key in named:
            return named[key]
    held = sorted(map(str, named)) or type(batch).__name__
    raise ValueError(
        f"no labels found in the batch ({held}): pass labels=, a function of the batch"
    )


class Tap:
    """Hands the rows that a module of a PyTorch model gives to a collector, while `labels` are set.

    Rows are taken in the hook itself, before the network can change them in place.
    """

    def __init__(
        self, model: Any, module: str, collector: RowCollector, pick: Pick | None = None
    ) -> None:
        """Attach to the module of that name in `model.named_modules()`; "" is the model itself."""
        modules = dict(model.named_modules())
        if module not in modules:
            near = difflib.get_close_matches(module, modules, 3, 0.4)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise ValueError(f"the model has no module {module!r}{hint}")
        self.labels: Any = None
        self.calls = 0
        self._module, self._collector, self._pick = module, collector, pick
        self._handle = modules[module].register_forward_hook(self._take)

    def detach(self) -> None:
        """Remove the hook; a second time does nothing."""
        self._handle.remove()

    def moments(self) -> ClassMoments:
        """The moments of the rows taken on all processes of the job."""
        moments = merged_over_processes(self._collector.moments)
        if moments is None:
            why = "was not called" if not self.calls else "was called with no labels at hand"
            raise ValueError(
                f"the module {self._module!r} {why}: nothing to audit. Pass labels=, a function "
                "that finds them, or name another module"
            )
        return moments

    def _take(self, module: Any, inputs: Any, output: Any) -> None:
        self.calls += 1
        if self.labels is None:
            return
        rows = output if self._pick is None else self._pick(output)
        if not hasattr(rows, "detach"):
            kind = type(rows).__name__
            held = (
                f"a mapping of {', '.join(map(str, rows))}" if isinstance(rows, Mapping) else kind
            )
            raise ValueError(
                f"the module {self._module!r} gives {held}, not a tensor: pass pick=, "
                "a function that takes the [n, d] tensor from it"
            )
        if rows.ndim != 2:
            raise ValueError(
                f"the module {self._module!r} gives shape {tuple(rows.shape)}, rows are [n, d]: "
                "pass pick=, for instance lambda out: out[:, 0] or out.flatten(1)"
            )
        self._collector.add(rows, self.labels)


def merged_over_processes(moments: ClassMoments | None) -> ClassMoments | None:
    """The moments of all processes of a torch.distributed job, on each of them.

    Processes exchange moments on the host in float64: they may hold different devices.
    """
    distributed = sys.modules.get("torch.distributed")
    if not (distributed and distributed.is_available() and distributed.is_initialized()):
        return moments
    found: list[ClassMoments | None] = [None] * distributed.get_world_size()
    distributed.all_gather_object(found, None if moments is None else moments.widened())
    parts = [part for part in found if part is not None]
    return reduce(ClassMoments.merge, parts) if parts else None
