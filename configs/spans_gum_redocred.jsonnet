// Heads of spans on free corpora: NER, EMD and CR from GUM, RE from Re-DocRED, between the mentions of Re-DocRED itself.
//   HMTL_DATA         the folder that holds gum/ and redocred/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local data = env.data('gum/ and redocred/');
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache_gib=6.0)];

experiment.new(
  tasks=corpora.gum(data + '/gum') + corpora.redocred(data + '/redocred') { relation+: { batch_size: 8 } },
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  levels=levels.spans(entities=true),
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  num_epochs=12,
  patience=4,
)
