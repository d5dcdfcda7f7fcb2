// Pairs of sentences on the bundled sample: how related they are, from 1 to 5, below whether the second follows from the
// first. Run from the top of the repository. With SICK in its place, corpora.labelled reads its files as they are shipped.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';

experiment.new(
  tasks=std.mapWithKey(
    function(task, data) data { batch_size: 8 }, corpora.labelled('data/pairs', ['relatedness', 'entailment'])
  ),
  embedding=embedders.combine([embedders.words(), embedders.characters()]),
  levels={
    // The combinations of vectors are those of JMT.
    relatedness: levels.pairs(
      [], heads.pairs(values='number', number_range=[1, 5], features=['absolute_difference', 'product'])
    ),
    entailment: levels.pairs(['relatedness'], heads.pairs(features=['difference', 'product'])),
  },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  num_epochs=12,
)
