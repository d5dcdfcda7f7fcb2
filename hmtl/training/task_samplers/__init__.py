from hmtl.training.task_samplers.proportional import ProportionalSampler
from hmtl.training.task_samplers.task_sampler import TaskSampler
from hmtl.training.task_samplers.uniform import UniformSampler
