// An encoder of sentences that several tasks train: relatedness and entailment of the bundled pairs or SICK's, and of GUM types
// of sentences, dependencies, and whether two adjacent sentences stand in their order. All tasks share one BiLSTM, whose
// vectors each reads by a small head of its own; the vector of a sentence is their maximum.
//   HMTL_DATA         the folder that holds gum/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
//   HMTL_SICK         the folder that holds SICK's files; without it, the pairs are those of data/pairs
// The idea is GenSen's (Subramanian et al. 2018). What differs from the paper stands in "The field's map" of the documentation.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';

local folder = env.data('gum/') + '/gum';
local gum = corpora.gum(folder);
local bundled = corpora.labelled('data/pairs', ['relatedness', 'entailment']);
local pairs = if env.sick == '' then bundled else corpora.sick(env.sick);
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache=true)];

experiment.new(
  tasks=pairs {
    s_type: corpora.gum_labels(folder).s_type,
    dependencies: gum.dependencies,
    sentence_order: corpora.sentence_order(gum.ner),
  },
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  levels=levels.sharing({
    relatedness: { head: heads.pairs(values='number', number_range=[1, 5]) },
    entailment: { head: heads.pairs() },
    s_type: { head: heads.labels() },
    dependencies: levels.parser([]),
    sentence_order: { head: heads.sentence_order() },
  }),
  shared_encoder=levels.hard_sharing(num_layers=1, hidden_size=200),
  // Each task is drawn as often, however few pairs there are.
  sampler='uniform',
  validation_metric={ s_type: '+f1_macro', dependencies: '+las' },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.002 },
  scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  num_epochs=10,
  patience=null,
)
