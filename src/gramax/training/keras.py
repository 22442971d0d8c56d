"""Keras 3, on any backend: a callback that audits a layer's output on held-out data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj
from numpy.typing import ArrayLike

from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.training.collector import Pick, Recorder, RowCollector
from gramax.training.sinks import Sink

_keras: Any = need("keras", "the Keras callback")


class GeometryCallback(_keras.callbacks.Callback):
    """Audits the output of a layer at the end of an epoch, and adds the headline metrics.

    Keras has no hooks, and compiles its validation step: the layer's output is computed once more,
    of the data given here. The numbers join the epoch's logs as `latent/val/NAME`, so that
    `History`, `CSVLogger` and `EarlyStopping` see them (put this callback before those), and the
    whole audit goes to `sink`.
    """

    def __init__(
        self,
        layer: str | Callable[[Any], Any],
        data: tuple[ArrayLike, ArrayLike],
        num_classes: int,
        *,
        pick: Pick | None = None,
        config: LogConfig | None = None,
        sink: Sink | None = None,
        classes: Sequence[str] | None = None,
        normalize: bool = True,
        batch_size: int = 256,
    ) -> None:
        """Audit this layer.

        Args:
            layer: its name in a functional or sequential model; or, of any model, a function from
                a batch of inputs to the features.
            data: `(x, y)`, validation data; labels 0..c-1, a negative one leaves its row out.
            num_classes: c.
            pick: from what the layer gives to `[n, d]` rows, where it gives anything else.
            config: which numbers, their prefix, and every how many epochs.
            sink: gets the whole audit, with pictures.
            classes: names of the classes.
            normalize: take rows on the unit sphere, or as they are.
            batch_size: rows at a time.

        Raises:
            ValueError: as training starts, the model has no such layer; or as an epoch ends, the
                data hold no row, what the layer gives is not `[n, d]`, or the labels are not `[n]`
                or not below c.
        """
        super().__init__()
        self._layer, self._data, self._pick, self._batch = layer, data, pick, batch_size
        self._recorder = Recorder(config or LogConfig(), sink, classes)
        self._collector = RowCollector(num_classes, normalize=normalize)
        self._features: Callable[[Any], Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the layer."""
        if callable(self._layer):
            self._features = self._layer
            return
        output = self.model.get_layer(self._layer).output
        self._features = lambda x: part(x, training=False)
        part = _keras.Model(self.model.inputs, output)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Audit, and add the numbers to the epoch's logs."""
        if (epoch + 1) % self._recorder.config.every:
            return
        assert self._features is not None
        x, y = self._data
        labels = np.asarray(y)
        self._collector.reset()
        for start in range(0, len(labels), self._batch):
            at = slice(start, start + self._batch)
            found = self._features(x[at])  # type: ignore[index]
            rows = found if self._pick is None else self._pick(found)
            if not is_array_api_obj(rows):  # TensorFlow's tensors, for one
                rows = _keras.ops.convert_to_numpy(rows)
            self._collector.add(rows, labels[at])
        moments = self._collector.moments
        self._collector.reset()
        if moments is None:
            raise ValueError("the data of the geometry callback hold no row")
        if logs is not None:
            logs.update(self._recorder.scalars(moments, "val"))
        step = int(self.model.optimizer.iterations)
        self._recorder.write(moments, "val", step, epoch + 1)
