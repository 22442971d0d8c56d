"""The mergeable statistic of the rows: counts, means and scatter of every class."""

from gramax.moments.class_moments import ClassMoments

__all__ = ["ClassMoments"]
