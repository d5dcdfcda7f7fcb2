from hmtl.data import corpora, data_loaders, dataset_readers
