"""Lightning: a callback that audits what a module gives in validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.training.collector import Pick, Recorder, RowCollector, Tap, labels_in
from gramax.training.sinks import Sink

_lightning: Any = need("lightning.pytorch", "the Lightning callback", "lightning")


class GeometryCallback(_lightning.Callback):
    """Audits the output of a module over every validation pass, and logs the headline metrics.

    The numbers go to the trainer's logger and `callback_metrics` as `latent/val/NAME` (so early
    stopping can watch them), and the whole audit to `sink`. The sanity check before training is
    left out. Hooks stand only while rows are gathered.
    """

    def __init__(
        self,
        module: str,
        num_classes: int,
        *,
        pick: Pick | None = None,
        labels: Callable[[Any], Any] = labels_in,
        config: LogConfig | None = None,
        sink: Sink | None = None,
        classes: Sequence[str] | None = None,
        normalize: bool = True,
        train: bool = False,
    ) -> None:
        """Audit the module of that name in `LightningModule.named_modules()`.

        Args:
            module: e.g. "encoder", "model.layer4".
            num_classes: c; labels are 0..c-1, a negative one leaves its row out.
            pick: from what the module gives to a `[n, d]` tensor, where it gives anything else.
            labels: the labels of a batch; by default its second part, or what it calls "labels".
            config: which numbers, their prefix, and every how many validations (or epochs).
            sink: gets the whole audit, with pictures.
            classes: names of the classes.
            normalize: take rows on the unit sphere, or as they are.
            train: audit the rows of every training epoch too, as they pass.

        Raises:
            ValueError: as training starts, the model has no such module; or as a batch comes, what
                it gives is not `[n, d]`, or its labels are not found, not `[n]` or not below c.
        """
        super().__init__()
        self._module, self._classes, self._pick, self._labels = module, num_classes, pick, labels
        self._recorder = Recorder(config or LogConfig(), sink, classes)
        self._normalize, self._train = normalize, train
        self._taps: dict[str, Tap] = {}
        self._passes = {"val": 0, "train": 0}

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Start to gather."""
        if not trainer.sanity_checking:
            self._start("val", pl_module)

    def on_validation_batch_start(self, trainer: Any, model: Any, batch: Any, *args: Any) -> None:
        """Take what the module gives from now on."""
        self._batch("val", batch)

    def on_validation_batch_end(self, *args: Any) -> None:
        """Take nothing until the next batch."""
        self._batch("val", None)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the audit."""
        self._finish("val", trainer, pl_module)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Start to gather, where training rows are asked for."""
        if self._train:
            self._start("train", pl_module)

    def on_train_batch_start(self, trainer: Any, model: Any, batch: Any, *args: Any) -> None:
        """Take what the module gives from now on."""
        self._batch("train", batch)

    def on_train_batch_end(self, *args: Any) -> None:
        """Take nothing until the next batch."""
        self._batch("train", None)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log the audit of the training rows."""
        self._finish("train", trainer, pl_module)

    def on_exception(self, *args: Any, **kwargs: Any) -> None:
        """Leave no hook behind."""
        while self._taps:
            self._taps.popitem()[1].detach()

    teardown = on_exception

    def _start(self, stage: str, model: Any) -> None:
        self._passes[stage] += 1
        if self._passes[stage] % self._recorder.config.every == 0:
            collector = RowCollector(self._classes, normalize=self._normalize)
            self._taps[stage] = Tap(model, self._module, collector, self._pick)

    def _batch(self, stage: str, batch: Any) -> None:
        if stage in self._taps:
            self._taps[stage].labels = None if batch is None else self._labels(batch)

    def _finish(self, stage: str, trainer: Any, model: Any) -> None:
        if tap := self._taps.pop(stage, None):
            tap.detach()
            moments = tap.moments()
            model.log_dict(self._recorder.scalars(moments, stage), sync_dist=True)
            self._recorder.write(moments, stage, trainer.global_step, trainer.current_epoch)
