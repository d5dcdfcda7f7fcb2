// The quickstart with heads of spans: mentions that nest or overlap are learned, and relations join them as they were found.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local batch_sizes = { ner: 8, emd: 8, relation: 4, coref: 1 };

experiment.new(
  tasks=std.mapWithKey(function(task, data) data { batch_size: batch_sizes[task] }, corpora.jsonl('data/sample')),
  embedding=embedders.combine([embedders.words(), embedders.characters()]),
  levels=levels.spans(symmetric=['PER-SOC'], type_constraints='learned'),
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  num_epochs=12,
)
