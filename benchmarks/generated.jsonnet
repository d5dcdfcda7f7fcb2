// The paper's four tasks on generated documents, by a small model: what is measured is the data. HMTL_DATA names their folder.
local corpora = import '../configs/lib/corpora.libsonnet';
local embedders = import '../configs/lib/embedders.libsonnet';
local env = import '../configs/lib/environment.libsonnet';
local experiment = import '../configs/lib/experiment.libsonnet';
local levels = import '../configs/lib/levels.libsonnet';

local small_encoder = { encoder+: { hidden_size: 32, num_layers: 1 } };

experiment.new(
  tasks=corpora.jsonl(env.data('train.jsonl and dev.jsonl'), batch_size=32),
  embedding=embedders.combine([embedders.words(dim=16), embedders.characters(dim=8, num_filters=8)]),
  levels=std.mapWithKey(function(task, level) level + small_encoder, levels.shallow()),
  min_count={ tokens: 2 },
)
