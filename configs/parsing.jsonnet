// Dependency trees of GUM by a biaffine parser, on a level above parts of speech.
//   HMTL_DATA         the folder that holds gum/ (dep, coref, const and the lists of documents)
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
// Another treebank is another corpus: `corpora.conllu(FOLDER)` reads train.conllu, dev.conllu and test.conllu.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local gum = corpora.gum(env.data('gum/') + '/gum');
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache=true)];

experiment.new(
  tasks={ pos: gum.pos, dependencies: gum.dependencies },
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  levels={ pos: levels.token_labels([]), dependencies: levels.parser(['pos']) },
  validation_metric={ dependencies: '+las' },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.002 },
  scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  num_epochs=10,
  patience=null,
)
