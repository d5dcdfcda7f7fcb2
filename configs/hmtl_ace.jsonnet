// The paper's full model (A): NER from OntoNotes, EMD, RE and CR from ACE 2005, licensed corpora in the layout of 2018.
// As in 2018, NER reads all of OntoNotes; setups/ldc/A.jsonnet leaves out the New Testament.
//   HMTL_DATA   the folder that holds conll-2012/ and ace2005/
//   HMTL_GLOVE  the folder that holds glove.6B.100d.txt
//   HMTL_ELMO   the folder that holds elmo_options.json and elmo_weights.hdf5
(import 'lib/setups.libsonnet').ldc('A', exclude=[])
