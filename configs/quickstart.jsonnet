// The four-task hierarchy on the bundled sample, in a few minutes on a laptop. Run from the top of the repository.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local batch_sizes = { ner: 8, emd: 8, relation: 4, coref: 1 };

experiment.new(
  tasks=std.mapWithKey(function(task, data) data { batch_size: batch_sizes[task] }, corpora.jsonl('data/sample')),
  embedding=embedders.combine([embedders.words(), embedders.characters()]),
  levels=levels.shallow(),
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  num_epochs=12,
)
