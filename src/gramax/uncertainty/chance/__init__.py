"""What pure chance gives for every number: laws where they are known, simulation elsewhere."""

from gramax.uncertainty.chance.baselines import by_law, chance, for_answers
from gramax.uncertainty.chance.laws import Chance, position

__all__ = ["Chance", "by_law", "chance", "for_answers", "position"]
