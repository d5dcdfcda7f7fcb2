// The paper's full model with coreference from CoNLL-2012 (A-CoNLL-2012), on licensed corpora in the layout of 2018.
//   HMTL_DATA   the folder that holds conll-2012/, conll-2012_single_file/ and ace2005/
//   HMTL_GLOVE  the folder that holds glove.6B.100d.txt
//   HMTL_ELMO   the folder that holds elmo_options.json and elmo_weights.hdf5
(import 'lib/setups.libsonnet').ldc('A-CoNLL-2012', exclude=[])
