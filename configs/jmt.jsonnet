// The joint many-task model of Hashimoto and others (2017): parts of speech, chunks and dependencies of GUM, below the
// relatedness and the entailment of pairs of sentences, which are the bundled ones or SICK's. Each level reads the words,
// the level below and the labels of tokens that are predicted below, and entailment the predicted relatedness; the tasks are
// trained epoch by epoch, from the lowest up, and each is held near what the one before it has left (successive
// regularisation).
//   HMTL_DATA         the folder that holds gum/ (dep, coref, const and the lists of documents)
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
//   HMTL_SICK         the folder that holds SICK's files; without it, the pairs are those of data/pairs
// What differs from the paper:
// - The words: learned vectors and a convolution over characters, with a frozen encoder beside them, where the paper has
//   skip-gram vectors of words and of n-grams of characters.
// - A level that reads the labels of two others reads both vectors, not their sum.
// - Heads of parts of speech and chunks are one layer, without a hidden one of ReLU. Chunks are decoded as the best tags that
//   make spans.
// - Dependencies have the biaffine scores of Dozat and Manning (2017), whose four networks stand between the level and its
//   scores, and the best tree; the paper has a bilinear score of the vectors themselves, a softmax over heads as here, the
//   relation by a hidden layer over both vectors, and the best head of each word, or Eisner's tree where these make none.
// - Hidden layers of pairs are of ReLU, not Maxout.
// - By Adam, unless it is switched below. By gradient descent the norm of the gradient is clipped at 3 for all tasks, where
//   the paper has 1 and 2 for the lowest two; weights start as torch has them; one rate of dropout stands for the paper's
//   two.
// Another treebank is another corpus: with `corpora.conllu(FOLDER)` there are no chunks, and dependencies stand on parts of
// speech. Without `pairs` the model has its lower three levels.
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local jmt = import 'lib/jmt.libsonnet';

local training = jmt.adam;  // or jmt.sgd
local treebank = corpora.gum(env.data('gum/') + '/gum');
local bundled = std.mapWithKey(
  function(task, data) data { batch_size: 8 }, corpora.labelled('data/pairs', ['relatedness', 'entailment'])
);
local pairs = if env.sick == '' then bundled else corpora.sick(env.sick);
local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache=true)];

jmt.new(
  tasks=treebank + pairs,
  embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
  training=training,
  initializer=embedders.learned_words_initializer,
)
