"""Keras 3, on JAX or PyTorch: audit a layer on held-out digits at the end of every epoch.

pip install keras scikit-learn
KERAS_BACKEND=jax python examples/train_keras.py --out run.jsonl
"""

import argparse

import keras
from sklearn.datasets import load_digits

from gramax.training.keras import GeometryCallback
from gramax.training.sinks import JsonLinesSink


def classifier():
    """Two layers of features, and a linear classifier over them."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(32, name="features"),
            keras.layers.ReLU(),
            keras.layers.Dense(10),
        ]
    )


def main(epochs=15, out="run.jsonl"):
    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    x = x.astype("float32") / 16
    (x, x_val), (y, y_val) = (x[:1400], x[1400:]), (y[:1400], y[1400:])
    model = classifier()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    with JsonLinesSink(out, fresh=True) as sink:
        audit = GeometryCallback("features", (x_val, y_val), 10, sink=sink)
        history = model.fit(
            x,
            y,
            batch_size=128,
            epochs=epochs,
            validation_data=(x_val, y_val),
            callbacks=[audit],
            verbose=0,
        ).history
    for epoch, values in enumerate(zip(*history.values(), strict=True), 1):
        found = dict(zip(history, values, strict=True))
        print(f"epoch {epoch:3d}  accuracy {found['val_accuracy']:.3f}  ", end="")
        print(f"collapse ratio {found['latent/val/collapse_ratio']:.3f}  ", end="")
        print(f"effective rank {found['latent/val/effective_rank']:.2f}")
    return history


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", default="run.jsonl", help="the run log")
    main(**vars(parser.parse_args()))
