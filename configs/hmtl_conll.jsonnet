// The paper's full model with coreference from CoNLL-2012 (A-CoNLL-2012), on licensed corpora in the layout of 2018.
//   HMTL_DATA   the folder that holds conll-2012/, conll-2012_single_file/ and ace2005/
//   HMTL_GLOVE  the folder that holds glove.6B.100d.txt
//   HMTL_ELMO   the folder that holds elmo_options.json and elmo_weights.hdf5
local corpora = import 'lib/corpora.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';
local paper = import 'lib/paper_embedding.libsonnet';
local env = import 'lib/environment.libsonnet';

local data = env.data('conll-2012/, conll-2012_single_file/ and ace2005/');

experiment.new(
  tasks=corpora.ace(data) + corpora.ontonotes(data),
  embedding=paper,
  levels=levels.paper(),
)
