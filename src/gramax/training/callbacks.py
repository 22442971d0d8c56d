"""What the callbacks share: a module's output as rows, labels of a batch, where numbers go.

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

from gramax.audits.headline import LogConfig
from gramax.moments import ClassMoments
from gramax.training.collector import RowCollector, measure
from gramax.training.sinks import Sink, log_report

Pick = Callable[[Any], Any]
"""From what a module gives (a tensor, tuple or mapping) to the `[n, d]` tensor of its rows."""


@dataclass(frozen=True)
class Recorder:
    """Where the numbers of an audit go: named scalars for the trainer, the whole audit to a sink.

    Attributes:
        config: which numbers, the prefix of their names, and every how many audits.
        sink: gets the whole audit; None for none.
        classes: names of the classes; None for their numbers.
    """

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
    """The labels of a batch as data sets give them: (inputs, labels, …), or by their usual names.

    Raises:
        ValueError: the batch is neither; the message says what to pass.
    """
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return batch[1]
    if isinstance(batch, Mapping):
        for key in ("labels", "label", "y", "target", "targets"):
            if key in batch:
                return batch[key]
    held = sorted(map(str, batch)) if isinstance(batch, Mapping) else type(batch).__name__
    raise ValueError(
        f"no labels found in the batch ({held}): pass labels=, a function of the batch"
    )


class Tap:
    """Hands the rows that a module of a PyTorch model gives to a collector, while attached.

    Rows are taken in the hook itself, before the network can change them in place, and only while
    `labels` is set: the callback sets it for the batches that count.
    """

    def __init__(
        self, model: Any, module: str, collector: RowCollector, pick: Pick | None = None
    ) -> None:
        """Attach to the module of that name in `model.named_modules()`; "" is the model itself.

        Raises:
            ValueError: the model has no such module; near names are given.
        """
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
        """The moments of the rows taken on all processes of the job.

        Raises:
            ValueError: no row was taken; the message says why.
        """
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
