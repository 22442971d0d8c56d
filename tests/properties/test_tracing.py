"""Every public entry is traced once for a shape, and again only for another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.properties.spaces import C, clouds

import gramax
from gramax.metrics import cdnv, crosstalk_histogram, frame_potential, worst_pairs
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.errorbars import BlockMoments

TRACED = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: TRACED.append(event) if event.endswith("jaxpr_trace_duration") else None
)


def traces(function, *args):
    """How many programs are traced anew by a call."""
    before = len(TRACED)
    jax.block_until_ready(function(*args))
    return len(TRACED) - before


def rows(seed, n=120):
    space = clouds(seed, n=n).astype(np.float32)
    return jnp.asarray(space.z), jnp.asarray(space.y)


def of(*rows):
    return ClassMoments.of(*rows, C)


def dealt(*rows):
    return BlockMoments.empty(C, 8, blocks=3).update(*rows)


ENTRIES = {
    "of": lambda s: of(*rows(s)),
    "update": lambda s: of(*rows(s)).update(*rows(s + 1)),
    "merge": lambda s: of(*rows(s)).merge(of(*rows(s + 1))),
    "report": lambda s: gramax.report(of(*rows(s))),
    "latent_geometry_report": lambda s: gramax.latent_geometry_report(*rows(s), C),
    "blocks update": lambda s: dealt(*rows(s)).parts,
    "blocks merge": lambda s: dealt(*rows(s)).merge(dealt(*rows(s + 1))).parts,
    "cdnv": lambda s: cdnv(*rows(s), C),
    "frame_potential": lambda s: frame_potential(rows(s)[0]),
    "worst_pairs": lambda s: worst_pairs(rows(s)[0], 3),
    "crosstalk_histogram": lambda s: crosstalk_histogram(rows(s)[0], 4),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_are_traced_once(entry):
    traces(ENTRIES[entry], 0)
    assert traces(ENTRIES[entry], 10) == 0


def test_another_shape_is_another_program():
    """So that a count of none above says something."""
    of(*rows(0, n=40))
    assert traces(lambda: of(*rows(1, n=40))) == 0
    assert traces(lambda: of(*rows(1, n=42))) > 0
