"""Hugging Face `Trainer`: a callback that audits what a module gives in evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.training.collector import Pick, Recorder, RowCollector, Tap, labels_in
from gramax.training.sinks import Sink

_transformers: Any = need("transformers", "the Trainer callback")


class GeometryCallback(_transformers.TrainerCallback):
    """Audits the output of a module over every evaluation, and logs the headline metrics.

    `trainer.add_callback(GeometryCallback(trainer, "bert.pooler", 4))`; the numbers go where
    `trainer.log` puts them, as `latent/eval/NAME`, and the whole audit to `sink`. Hooks stand from
    the start of `trainer.train()` to its end; for an evaluation outside, use `with
    callback.attached(): trainer.evaluate()`.
    """

    def __init__(
        self,
        trainer: Any,
        module: str,
        num_classes: int,
        *,
        pick: Pick | None = None,
        labels: Callable[[Mapping[str, Any]], Any] = labels_in,
        config: LogConfig | None = None,
        sink: Sink | None = None,
        classes: Sequence[str] | None = None,
        normalize: bool = True,
    ) -> None:
        """Audit the module of that name in `trainer.model.named_modules()`.

        Args:
            trainer: whose `log` takes the numbers.
            module: e.g. "bert.pooler", "vit.layernorm".
            num_classes: c; labels are 0..c-1, a negative one leaves its row out.
            pick: from what the module gives to a `[n, d]` tensor, where it gives anything else.
            labels: the labels of a batch, from the keyword arguments of the model's `forward`.
            config: which numbers, their prefix, and every how many evaluations.
            sink: gets the whole audit, with pictures.
            classes: names of the classes.
            normalize: take rows on the unit sphere, or as they are.

        Raises:
            ValueError: as training starts, the model has no such module; or as a batch comes, what
                it gives is not `[n, d]`, or its labels are not found, not `[n]` or not below c.
        """
        self._trainer, self._module, self._pick, self._labels = trainer, module, pick, labels
        self._recorder = Recorder(config or LogConfig(), sink, classes)
        self._collector = RowCollector(num_classes, normalize=normalize)
        self._tap: Tap | None = None
        self._before: Any = None
        self._evaluations = 0

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Gather in this block: for evaluations outside `trainer.train()`."""
        self.on_train_begin()
        try:
            yield
        finally:
            self.on_train_end()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Put the hooks in."""
        self.on_train_end()
        model = self._trainer.model
        self._tap = Tap(model, self._module, self._collector, self._pick)
        self._before = model.register_forward_pre_hook(self._note_labels, with_kwargs=True)

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Take the hooks out."""
        if self._tap is not None:
            self._tap.detach()
            self._before.remove()
        self._tap = None
        self._collector.reset()

    def on_predict(self, *args: Any, **kwargs: Any) -> None:
        """Forget rows of a prediction: they are no evaluation."""
        self._collector.reset()

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the audit of the rows of this evaluation."""
        if self._tap is None:
            return
        self._evaluations += 1
        if self._evaluations % self._recorder.config.every == 0:
            moments = self._tap.moments()
            self._trainer.log(self._recorder.scalars(moments, "eval"))
            self._recorder.write(moments, "eval", state.global_step, state.epoch)
        self._collector.reset()

    def _note_labels(self, model: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Before a forward pass: its labels, in evaluation mode alone."""
        if self._tap is not None:
            self._tap.labels = None if model.training else self._labels(kwargs)
