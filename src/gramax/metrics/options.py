"""The choices in which published definitions of one metric differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Options:
    """The choices in which published definitions differ; recorded with every number.

    Whether rows are on the sphere, the other such choice, is `moments.normalize`. A metric lists
    the ones that it reads in `Metric.options`.

    Attributes:
        weighting: "sample" weighs every row alike, "macro" every class: in the global mean μ_G,
            the within-class variance, and the scatter of the class means.
        deviation: "population" divides by K, "sample" by K-1, in deviations over K classes
            (Papyan's equinorm uses the latter).
        center: "global" takes class means from μ_G and spectra about the mean of the rows; "none"
            takes both from the origin.
    """

    weighting: Literal["sample", "macro"] = "sample"
    deviation: Literal["population", "sample"] = "population"
    center: Literal["global", "none"] = "global"
