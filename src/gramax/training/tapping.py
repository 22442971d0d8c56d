"""What the PyTorch adapters share: a module's output as rows, without a copy where possible."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from gramax.moments.class_moments import ClassMoments
from gramax.training.collecting import RowCollector

Pick = Callable[[Any], Any]
"""From what a module gives (a tensor, tuple or mapping) to the `[n, d]` tensor of its rows."""


def to_jax(tensor: Any) -> Array:
    """A PyTorch tensor as a JAX array, detached; on the CPU it shares its memory (bfloat16 too).

    A tensor on a device that this JAX does not have goes through the host.
    """
    tensor = tensor.detach().contiguous()
    if tensor.device.type != "cpu" and tensor.device.type not in _platforms():
        tensor = tensor.cpu()
    return jnp.from_dlpack(tensor)


def _platforms() -> set[str]:
    """What JAX runs on, by PyTorch's names."""
    names = {device.platform for device in jax.devices()}
    return {"cuda" if name in ("gpu", "cuda", "rocm") else name for name in names}


class Tap:
    """Hands the rows that a module of a PyTorch model gives to a collector, while attached.

    Rows are taken in the hook itself, before the network can change them in place, and only while
    `labels` is set: the adapter sets it for the batches that count.
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
        """Of the rows taken on all processes of the job.

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
            raise ValueError(
                f"the module {self._module!r} gives {_what(rows)}, not a tensor: pass pick=, a "
                "function that takes the [n, d] tensor from it"
            )
        if rows.ndim != 2:
            raise ValueError(
                f"the module {self._module!r} gives shape {tuple(rows.shape)}, rows are [n, d]: "
                "pass pick=, for instance lambda out: out[:, 0] or out.flatten(1)"
            )
        labels = self.labels
        labels = labels.detach().cpu().numpy() if hasattr(labels, "detach") else np.asarray(labels)
        self._collector.add(to_jax(rows), labels)


def _what(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a mapping of {', '.join(map(str, output))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"


def merged_over_processes(moments: ClassMoments | None) -> ClassMoments | None:
    """The moments of all processes of a torch.distributed job, on each of them."""
    distributed = sys.modules.get("torch.distributed")
    if not (distributed and distributed.is_available() and distributed.is_initialized()):
        return moments
    mine = None if moments is None else jax.tree.map(np.asarray, moments)
    found: list[ClassMoments | None] = [None] * distributed.get_world_size()
    distributed.all_gather_object(found, mine)
    parts = [jax.tree.map(jnp.asarray, part) for part in found if part is not None]
    return reduce(ClassMoments.merge, parts) if parts else None
