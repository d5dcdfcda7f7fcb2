// Mentions whose types are words: GUM without the types `animal` and `substance`, which can be asked for all the same, and
// WNUT-17, whose types are others. Another corpus is another entry.
//   HMTL_DATA         the folder that holds gum/ and wnut17/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder: it reads sentences and types
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';

local data = env.data('gum/ and wnut17/');

experiment.new(
  tasks={
    mentions: corpora.text_labels({
      gum: corpora.gum(data + '/gum').emd { reader+: { exclude_labels: ['animal', 'substance'] } },
      // What is published as its test data is not needed here.
      wnut17: corpora.wnut17(data + '/wnut17').ner { test: null },
    }),
  },
  embedding=embedders.combine([embedders.transformer(env.encoder, cache_gib=6.0)]),
  levels={
    mentions: {
      encoder: levels.lstm(1, 64),
      // Heads of mentions are short. Of the spans without a type a part is enough to learn from.
      head: heads.text_label_spans(max_span_width=8, options={ negative_share: 0.25 }),
      reads: [],
      input_dropout: 0.2,
    },
  },
  num_epochs=3,
  patience=null,
)
