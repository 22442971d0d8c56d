"""The mergeable statistic of the rows: counts, means and scatter of every class."""

from gramax.moments.blocks import BlockMoments
from gramax.moments.class_moments import REASONS, ClassMoments

__all__ = ["REASONS", "BlockMoments", "ClassMoments"]
