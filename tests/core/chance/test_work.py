"""The work that a trace tells, and what a budget affords of it."""

import jax
import jax.numpy as jnp
from gramax.uncertainty.chance.work import Costs


def test_the_work_of_a_trace():
    def f(x):
        shared = x @ x.T
        many = jax.lax.scan(lambda s, _: (s + 1.0, None), jnp.zeros(3), None, length=7)[0]
        return shared.sum(), jnp.linalg.svd(x, compute_uv=False).sum(), many + shared[0, 0]

    with jax.disable_jit(False):
        jaxpr = jax.make_jaxpr(f)(jnp.zeros((4, 6))).jaxpr
    costs = Costs(jaxpr, ["square", "values", "loop"])
    dot = 4 * 6 * 4
    assert dot + 16 < costs.of(["square"]) < dot + 16 + 60
    assert 15 * 4 * 36 <= costs.of(["values"]) < 15 * 4 * 36 + 80
    assert dot + 21 <= costs.of(["loop"]) < dot + 16 + 90
    both = costs.of(["square", "loop"])
    assert both < costs.of(["square"]) + costs.of(["loop"]) - dot
    names = ["values", "loop", "square"]
    assert costs.affordable(names, 1e9, lambda n: 0.0) == ["square", "loop", "values"]
    assert costs.affordable(names, both, lambda n: 0.0) == ["square", "loop"]
    assert costs.affordable(names, both - 1, lambda n: 0.0) == ["square"]
    assert costs.affordable(names, both, lambda n: 1.0) == ["square"]
    assert costs.affordable(names, 1.0, lambda n: 0.0) == []
