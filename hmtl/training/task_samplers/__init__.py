from hmtl.training.task_samplers.by_validation import ByValidationSampler
from hmtl.training.task_samplers.power import PowerSampler
from hmtl.training.task_samplers.proportional import ProportionalSampler
from hmtl.training.task_samplers.round_robin import RoundRobinSampler
from hmtl.training.task_samplers.successive import SuccessiveSampler
from hmtl.training.task_samplers.task_sampler import TaskSampler, number_of_updates
from hmtl.training.task_samplers.uniform import UniformSampler
from hmtl.training.task_samplers.uniform_updates import UniformUpdatesSampler
from hmtl.training.task_samplers.weights import WeightsSampler
