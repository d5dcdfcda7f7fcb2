// Labels of sentences and documents on GUM: named entities below the types of sentences, such as questions and commands,
// and below the genres of documents.
//   HMTL_DATA         the folder that holds gum/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';

local gum = env.data('gum/') + '/gum';
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache_gib=6.0)];

experiment.new(
  tasks={ ner: corpora.gum(gum).ner } + corpora.gum_labels(gum),
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  levels={
    ner: levels.shallow().ner,
    s_type: levels.labels(['ner'], heads.labels(pooling='attention')),
    genre: levels.labels(['ner'], heads.labels(scope='document', encoder_scope='sentence')),
  },
  // Nine of ten sentences are statements or fragments: the rare types count as much.
  validation_metric={ s_type: '+f1_macro' },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  num_epochs=12,
  patience=4,
)
