from hmtl.data import data_loaders, dataset_readers
