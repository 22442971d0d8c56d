"""The five pictures of `gramax figures`: a function each, from the trajectory to what is drawn.

This is the only module of this room that imports JAX, and it is loaded only for a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import jax
import numpy as np
import optax

from gramax.arrays.rows import class_means, gram, unit_rows
from gramax.metrics.collapse import collapse_ratio, within_class_variance
from gramax.metrics.crosstalk import coherence, smooth_coherence_loss, welch_floor, welch_gap
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.metrics.reach import descent, frame_potential, run_many
from gramax.metrics.simplex import simplex_error, simplex_step
from gramax.render import style
from gramax.render.canvas import CANVAS_SIZE, MARGIN, Box, Canvas
from gramax.render.gif import FRAMES
from gramax.render.panels import (
    Curve,
    KeyNumber,
    ValueAxis,
    curve_panel,
    gram_panel,
    numbers_panel,
    plane_panel,
    small_number,
    sphere_panel,
    three_decimals,
)

POINTS_BOX: Box = (MARGIN, 152, 324, 340)
GRAM_BOX: Box = (418, 152, 340, 340)
NUMBERS_BOX: Box = (846, 124, CANVAS_SIZE[0] - MARGIN - 846, 378)
CURVE_BOX: Box = (MARGIN, 576, CANVAS_SIZE[0] - 2 * MARGIN, 132)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a picture shows, and what theory says of it.

    `checks` are names, measured and expected numbers, and tolerances; `points` draws the points;
    `at` is the step of the curve that each frame has come to.
    """

    title: str
    caption: str
    checks: Sequence[tuple[str, float, float, float]]
    points: Callable[[Canvas], None]
    heading: str
    cosines: np.ndarray
    badges: bool = False
    keys: Sequence[KeyNumber]
    chart: ValueAxis
    lines: Sequence[Curve]
    at: np.ndarray
    ends: tuple[str, str] | None = None

    def canvas(self) -> Canvas:
        """A canvas that has every frame; make it inside `style.look()`."""
        canvas = Canvas(self.title, self.caption)
        self.points(canvas)
        gram_panel(canvas, GRAM_BOX, self.heading, self.cosines, badges=self.badges)
        numbers_panel(canvas, NUMBERS_BOX, self.keys)
        ends = self.ends or (f"{self.at[0]}", f"{self.at[-1]} steps")
        curve_panel(canvas, CURVE_BOX, self.chart, self.lines, self.at, ends)
        return canvas


def schedule(steps: int, power: float) -> np.ndarray:
    """The step of each frame, from 0 to `steps`, denser at the start for a `power` above 1."""
    spread = np.round(steps * np.linspace(0, 1, FRAMES) ** power).astype(int)
    return np.maximum(spread, np.minimum(np.arange(FRAMES), steps))


def random_rows(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers from a fixed seed, in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def along(path: np.ndarray, *measures: Callable[[np.ndarray], Any]) -> list[np.ndarray]:
    """What each function gives of every array of a path."""
    return [np.array([measure(x) for x in path]) for measure in measures]


def class_collapse() -> Scene:
    """Three classes in the plane condense onto their codes while these spread to a simplex.

    The angles of a class are all sums of two even grids about its direction. The mean cosine of an
    even grid of m angles h apart is sin(mh/2)/(m sin(h/2)); so the mean row of the class is as long
    as the product q of two such numbers. Theory: the scatter about the codes is 2(1 - q), the total
    scatter 1 - q²|m̄|², m̄ the mean of the three directions.
    """
    classes, grid = 3, 9
    # Steps of the two grids: together their angles have a standard deviation of 1.
    widths = np.array([0.8, 0.6]) * np.sqrt(12 / (grid**2 - 1))
    pace = np.linspace(0, 1, FRAMES)
    spread = 0.85 * (0.012 / 0.85) ** (pace**1.15)
    start, end = np.radians([66.0, 140.0, 208.0]), np.radians([90.0, 210.0, 330.0])
    centres = start + (pace**2 * (3 - 2 * pace))[:, None] * (end - start)
    even = np.arange(grid) - (grid - 1) / 2
    angle = np.add.outer(widths[0] * even, widths[1] * even).ravel()
    rng = np.random.default_rng(5)
    radius = np.stack([rng.permutation(angle) for _ in range(classes)])
    turn = centres[:, :, None] + spread[:, None, None] * angle
    length = 1 + 0.3 * spread[:, None, None] * radius
    plane = np.stack([length * np.cos(turn), length * np.sin(turn)], axis=-1)
    points = plane.reshape(FRAMES, -1, 2).astype(np.float32)
    labels = np.repeat(np.arange(classes), grid**2)

    codes, ratio, within = (
        np.array([measure(z, labels, classes) for z in points])
        for measure in (class_means, collapse_ratio, within_class_variance)
    )
    (cosines,) = along(codes, gram)
    half = spread[:, None] * widths / 2
    kept = np.prod(np.sin(grid * half) / (grid * np.sin(half)), axis=1)
    offset = np.abs(np.exp(1j * centres).mean(axis=1))
    theory = 2 * (1 - kept) / (1 - kept**2 * offset**2)
    off = cosines[:, ~np.eye(classes, dtype=bool)]
    return Scene(
        title="Are classes tightening?",
        caption="Three loose clouds condense, each onto its own code.",
        checks=[
            ("collapse ratio, start", ratio[0], theory[0], 1e-4),
            ("collapse ratio, end", ratio[-1], theory[-1], 1e-5),
            ("collapse ratio, worst miss", np.abs(ratio - theory).max(), 0, 1e-4),
            ("within-class variance, worst miss", np.abs(within - 2 * (1 - kept)).max(), 0, 2e-3),
            ("off-diagonal cosine, worst miss", np.abs(off[-1] + 0.5).max(), 0, 1e-3),
        ],
        points=lambda canvas: plane_panel(canvas, POINTS_BOX, points, labels, 1.62, codes),
        heading="Cosines of the class codes",
        cosines=cosines,
        badges=True,
        keys=[
            KeyNumber("collapse ratio", "floor 0", ratio, small_number),
            KeyNumber("within variance", "floor 0", within, small_number),
            KeyNumber("mean cosine", "simplex −1/2", off.mean(axis=1)),
        ],
        chart=ValueAxis(
            "Spread of a class", (-0.3, 0.9), (0, 0.4, 0.8), 0, "floor 0: every class a point"
        ),
        lines=[
            Curve(ratio, style.METRIC, "collapse ratio"),
            Curve(within, style.SECOND, "within variance"),
        ],
        at=np.arange(FRAMES),
        ends=("loose", "tight"),
    )


def rank_collapse() -> Scene:
    """A round cloud in the plane is squashed onto one axis.

    Theory: with the second deviation s times the first, the shares of the eigenvalues are 1/(1+s²)
    and s²/(1+s²); the effective rank is the exponential of their entropy: 2 for a round cloud, 1 on
    a line.
    """
    rows, shown, axis = 144, 48, 28.0
    squash = np.linspace(1, 0, FRAMES) ** 1.6
    z = np.random.default_rng(11).normal(size=(rows, 2))
    left, _, right = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    cloud = 0.62 * np.sqrt(rows - 1) * left @ right  # its covariance is that of a round cloud
    cos, sin = np.cos(np.radians(axis)), np.sin(np.radians(axis))
    flat = cloud * np.stack([np.ones_like(squash), squash], axis=1)[:, None]
    points = (flat @ np.array([[cos, sin], [-sin, cos]])).astype(np.float32)
    around = np.arctan2(cloud[:, 0], -cloud[:, 1])  # starts at a right angle to the axis
    chosen = np.argsort(around)[:: rows // shown]

    (cosines,) = along(points[:, chosen], gram)
    rank, eigenvalues = along(points, effective_rank, covariance_eigs)
    eigenvalues = eigenvalues[:, ::-1]
    share = 1 / (1 + squash**2)
    rest = np.where(share < 1, 1 - share, 1)
    theory = np.exp(-share * np.log(share) - (1 - share) * np.log(rest))
    labels = np.zeros(rows, int)
    return Scene(
        title="Is the space being used?",
        caption="A round cloud is squashed onto one axis of the plane.",
        checks=[
            ("effective rank, round cloud", rank[0], 2, 1e-4),
            ("effective rank, line", rank[-1], 1, 1e-4),
            ("effective rank, worst miss", np.abs(rank - theory).max(), 0, 1e-3),
        ],
        points=lambda canvas: plane_panel(canvas, POINTS_BOX, points, labels, 2.0, axis=axis),
        heading="Cosines, points by angle",
        cosines=cosines,
        keys=[
            KeyNumber("effective rank", "floor 1: a line", rank),
            KeyNumber("1st eigenvalue", "of the covariance", eigenvalues[:, 0]),
            KeyNumber("2nd eigenvalue", "of the covariance", eigenvalues[:, 1]),
        ],
        chart=ValueAxis("Effective rank", (0.68, 2.1), (1, 1.5, 2), 1, "floor 1: a line"),
        lines=[Curve(rank, style.METRIC)],
        at=np.arange(FRAMES),
        ends=("round", "flat"),
    )


def simplex_descent() -> Scene:
    """Four codes in three dimensions descend to a regular tetrahedron.

    Theory: c ≤ d+1 codes can form a simplex, all off-diagonal cosines -1/(c-1).
    """
    c, steps = 4, 600
    start = unit_rows(np.array([1.0, 0.4, 0.7]) + 0.5 * random_rows(2, c, 3))

    path = np.array([*accumulate(range(steps), lambda x, _: simplex_step(x), initial=start)])
    cosines, error = along(path, gram, simplex_error)
    off = cosines[:, ~np.eye(c, dtype=bool)]
    at, turn = schedule(steps, 1.5), 20 + 1.5 * np.arange(FRAMES)
    codes = path[at][:, None]
    return Scene(
        title="Do the class codes form a simplex?",
        caption="Four codes in three dimensions: they fit.",
        checks=[
            ("simplex error, end", error[-1], 0, 1e-3),
            ("largest off-diagonal cosine, end", off[-1].max(), -1 / 3, 1e-3),
            ("smallest off-diagonal cosine, end", off[-1].min(), -1 / 3, 1e-3),
        ],
        points=lambda canvas: sphere_panel(canvas, POINTS_BOX, "Codes", codes, turn, edges=True),
        heading="Cosines of the codes",
        cosines=cosines[at],
        badges=True,
        keys=[
            KeyNumber("simplex error", "floor 0", error[at]),
            KeyNumber("largest cosine", "simplex −1/3", off[at].max(axis=1)),
            KeyNumber("smallest cosine", "simplex −1/3", off[at].min(axis=1)),
        ],
        chart=ValueAxis(
            "Simplex error", (-0.34, 1.1), (0, 0.5, 1), 0, "floor 0: a regular tetrahedron"
        ),
        lines=[Curve(error, style.METRIC)],
        at=at,
    )


def welch_descent(steps: int = 200) -> Scene:
    """Six codes in three dimensions descend to six equiangular lines.

    Theory: six codes do not fit in three dimensions. Welch's floor √((c-d)/(d(c-1))) = 1/√5 is
    attained by the diagonals of an icosahedron, all |cosines| alike.
    """
    c, floor = 6, 5**-0.5

    path = descent(random_rows(2, c, 3), smooth_coherence_loss, optax.adam(0.02), steps)
    path = np.asarray(path)
    cosines, worst, gap = along(path, gram, coherence, welch_gap)
    least = np.abs(cosines[:, ~np.eye(c, dtype=bool)]).min(axis=1)
    at, turn = schedule(steps, 1.5), 35 + 1.5 * np.arange(FRAMES)
    codes = path[at][:, None]
    return Scene(
        title="How close is the worst crosstalk to its floor?",
        caption="Six codes in three dimensions do not fit: the best are six equiangular lines.",
        checks=[
            ("Welch floor of 6 codes in 3-d", welch_floor(c, 3), floor, 1e-6),
            ("coherence, end", worst[-1], floor, 1e-3),
            ("smallest |cosine|, end", least[-1], floor, 1e-3),
        ],
        points=lambda canvas: sphere_panel(canvas, POINTS_BOX, "Codes", codes, turn, lines=True),
        heading="Cosines of the codes",
        cosines=cosines[at],
        badges=True,
        keys=[
            KeyNumber("coherence", "floor 0.4472", worst[at]),
            KeyNumber("Welch gap", "floor 0", gap[at]),
            KeyNumber("least |cosine|", "equal at 0.4472", least[at]),
        ],
        chart=ValueAxis(
            "Coherence, the worst |cosine|",
            (0.24, 1.06),
            (0.4, 0.6, 0.8, 1),
            floor,
            "Welch floor 1/√5 = 0.4472",
        ),
        lines=[Curve(worst, style.METRIC)],
        at=at,
    )


def benign_landscape() -> Scene:
    """Seven codes in three dimensions, from six starts: every descent reaches the same floor.

    Theory (Benedetto & Fickus 2003): the frame potential has no bad local minima, and its floor is
    c²/d; without the diagonal, c²/d - c = 49/3 - 7.
    """
    c, d, starts, steps, seed = 7, 3, 6, 150, 6
    floor = c**2 / d - c

    descend = jax.vmap(lambda x: descent(x, frame_potential, optax.sgd(0.005), steps))
    paths = np.asarray(descend(random_rows(seed, starts, c, d)))
    reached = np.asarray(run_many(jax.random.key(seed), c, d, starts, steps))[:, -1]
    potential = np.concatenate([along(path, frame_potential) for path in paths]) - c
    (cosines,) = along(paths[0], gram)
    at, turn = schedule(steps, 1.6), 20 + 1.5 * np.arange(FRAMES)
    codes, now = paths[:, at].swapaxes(0, 1), potential[:, at]
    return Scene(
        title="Can a plain optimiser find it?",
        caption="Seven codes in three dimensions, six random starts: all reach the same floor.",
        checks=[
            (f"{what}, {which} end", end(values), floor, 1e-3)
            for what, values in (
                ("off-diagonal frame potential", potential[:, -1]),
                ("run_many", reached),
            )
            for which, end in (("highest", np.max), ("lowest", np.min))
        ],
        points=lambda canvas: sphere_panel(canvas, POINTS_BOX, "Six starts", codes, turn),
        heading="Cosines of start 1",
        cosines=cosines[at],
        keys=[
            KeyNumber("highest start", "floor 9.333", now.max(axis=0), three_decimals),
            KeyNumber("lowest start", "floor 9.333", now.min(axis=0), three_decimals),
            KeyNumber("between them", "one floor: 0", np.ptp(now, axis=0), three_decimals),
        ],
        chart=ValueAxis(
            "Off-diagonal frame potential",
            (5.0, 18),
            (10, 15),
            floor,
            "one floor: 49/3 − 7 = 9.333",
        ),
        lines=[Curve(potential[i], style.CLASSES[i]) for i in range(starts)],
        at=at,
    )
