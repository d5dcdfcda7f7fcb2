// A pretrained encoder, fine-tuned on the bundled sample for all four tasks: spans that may nest, relations between them and
// coreference, with an LSTM layer at each level above the encoder. Another corpus takes the place of the sample.
//   HMTL_TRANSFORMER  the encoder's name or folder, such as microsoft/deberta-v3-base
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local batch_sizes = { ner: 16, emd: 16, relation: 16, coref: 1 };

experiment.finetune(
  tasks=std.mapWithKey(function(task, data) data { batch_size: batch_sizes[task] }, corpora.jsonl('data/sample')),
  embedding=embedders.combine([embedders.transformer(env.encoder, train=true)]),
  levels=levels.spans(symmetric=['PER-SOC'], type_constraints='learned'),
  lr=0.003,
)
