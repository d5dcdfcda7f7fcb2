// The paper's full model (A): NER from OntoNotes, EMD, RE and CR from ACE 2005, licensed corpora in the layout of 2018.
//   HMTL_DATA   the folder that holds conll-2012/ and ace2005/
//   HMTL_GLOVE  the folder that holds glove.6B.100d.txt
//   HMTL_ELMO   the folder that holds elmo_options.json and elmo_weights.hdf5
local corpora = import 'lib/corpora.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local paper = import 'lib/paper_embedding.libsonnet';
local env = import 'lib/environment.libsonnet';

local data = env.data('conll-2012/ and ace2005/');

experiment.new(
  tasks=corpora.ontonotes(data) + corpora.ace(data),
  embedding=paper,
  levels=levels.paper(),
)
