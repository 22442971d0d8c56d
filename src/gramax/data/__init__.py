"""Readers at the edge: files become checked chunks of embeddings, and labels become codes.

NumPy alone is imported here; pyarrow, h5py, zarr and fsspec are imported with the first file that
needs them, JAX never.
"""

from gramax.data.checks import check_finite
from gramax.data.formats import open_embeddings
from gramax.data.labels import Labels, labels_from_array, read_labels
from gramax.data.memory import ArraySource
from gramax.data.reading import Reading
from gramax.data.source import Fragment, Source

__all__ = [
    "ArraySource",
    "Fragment",
    "Labels",
    "Reading",
    "Source",
    "check_finite",
    "labels_from_array",
    "open_embeddings",
    "read_labels",
]
