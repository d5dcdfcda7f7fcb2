// Collobert and Weston's multi-task network on GUM: parts of speech, chunks and named entities share one convolution over
// windows of words, and the arguments of verbs, tagged with the distance from the verb as a feature, share the embedding. GUM
// has no semantic roles: the arguments are the phrases that depend on a verb, labelled by their relation. Characters stand
// for the paper's features of capitals and suffixes.
//   HMTL_DATA  the folder that holds gum/ (dep, coref, const and the lists of documents)
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local levels = import 'lib/levels.libsonnet';

local crf = { head: { type: 'hmtl_crf', dropout: 0.2 } };

experiment.new(
  tasks=corpora.gum_layers(env.data('gum/') + '/gum'),
  embedding=embedders.combine([embedders.words(dim=50), embedders.characters()]),
  levels={
    pos: { head: { type: 'hmtl_token_classification', dropout: 0.2 } },
    chunks: crf,
    ner: crf,
    arguments: levels.arguments('pos'),
  },
  shared_encoder={ type: 'hard', encoder: levels.window_encoder(), input_dropout: 0.2 },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
)
