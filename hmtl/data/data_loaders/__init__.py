from hmtl.data.data_loaders.per_task import PerTaskDataLoader
