"""Objectives: importing this package registers them."""

from hmtl.training.objectives.objective import Objective
from hmtl.training.objectives.sum import SumObjective
from hmtl.training.objectives.uncertainty import UncertaintyObjective
from hmtl.training.objectives.weights import WeightsObjective
