"""What pure chance gives for every number: laws where they are known, simulation elsewhere."""

from gramax.uncertainty.chance.baselines import chance, for_answers
from gramax.uncertainty.chance.laws import Chance

__all__ = ["Chance", "chance", "for_answers"]
