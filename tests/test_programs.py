"""What is compiled in a hurry, and that it is the same function."""

import jax
import jax.numpy as jnp
import numpy as np
from gramax.arrays.programs import EFFORT, EMITTERS, FEW, program

from gramax.arrays import programs


def scaled(x, by, power=1):
    return by * x**power


def test_few_rows_are_not_worth_optimised_code(monkeypatch):
    asked = []
    monkeypatch.setattr(programs, "_known", lambda small: asked.append(small) or {})
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    f = program(static_argnums=(1,))(scaled)
    for rows in (FEW, FEW + 1, FEW, 2):
        np.testing.assert_array_equal(f(jnp.full((rows, 1), 2.0), 3), 6)
    assert asked == [True, False]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_array_equal(program()(scaled)(jnp.ones(2), 3), 3)
    assert len(asked) == 2


def test_this_version_of_xla_knows_the_options():
    assert programs._known(False) == {EMITTERS: False}
    assert programs._known(True) == {EMITTERS: False, EFFORT: 0}


def test_within_a_program_it_is_a_part_of_that():
    f = program(static_argnums=(1,))(scaled)
    x = jnp.arange(3.0)
    np.testing.assert_array_equal(jax.jit(lambda x: f(x, 2) + 1)(x), 2 * x + 1)
    np.testing.assert_array_equal(jax.vmap(lambda x: f(x, 2))(x), 2 * x)
    assert jax.grad(lambda x: f(x, 2, power=3))(2.0) == 24
    assert f.__name__ == "scaled"
    programs._known.cache_clear()
    constant = jnp.arange(3.0)
    found = jax.jit(lambda t: f(constant, 2) * t)(3.0)
    np.testing.assert_array_equal(found, 6 * constant)
    found = jax.lax.scan(lambda t, _: (t + f(constant, 2)[1], 0), 0.0, None, length=2)[0]
    assert found == 4
    np.testing.assert_array_equal(jax.vmap(lambda t: f(constant, 2)[1] * t)(x), 2 * x)


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    programs._known.cache_clear()
    monkeypatch.setattr(programs, "EMITTERS", "xla_cpu_of_another_time")
    assert programs._known(True) == {}
    np.testing.assert_array_equal(program()(scaled)(jnp.ones(2), 3), 3)
    programs._known.cache_clear()
