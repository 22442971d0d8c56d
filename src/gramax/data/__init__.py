"""Readers at the edge: files become checked chunks of embeddings, and labels become codes.

NumPy alone is imported here; pyarrow on the first parquet file, JAX never.
"""

from gramax.data.classes import Labels
from gramax.data.formats import open_embeddings
from gramax.data.labels import labels_from_array, read_labels
from gramax.data.source import ArraySource, Source, check_finite

__all__ = [
    "ArraySource",
    "Labels",
    "Source",
    "check_finite",
    "labels_from_array",
    "open_embeddings",
    "read_labels",
]
