// Relations of whole documents: the mentions of Re-DocRED, and the relations between those of different sentences, too.
//   HMTL_DATA         the folder that holds redocred/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local data = env.data('redocred/');
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache_gib=2.0)];

experiment.new(
  tasks=corpora.redocred(data + '/redocred'),
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  levels=levels.stacked(
    levels.spans(entities=true, scope='document'),
    { entities: [], relation: ['entities'] },
  ),
  // The paper's F1 of relations counts each pair of entities once.
  validation_metric={ relation: '+f1_entities' },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  num_epochs=12,
  patience=4,
)
