// The experiment that the benchmarks measure, by the levels of its model: the sizes and batches of 2018, on random word
// vectors and a character CNN. HMTL_DATA names the folder of the corpora, in the layout of 2018.
local corpora = import '../configs/lib/corpora.libsonnet';
local embedders = import '../configs/lib/embedders.libsonnet';
local env = import '../configs/lib/environment.libsonnet';
local experiment = import '../configs/lib/experiment.libsonnet';

local data = env.data('conll-2012/, conll-2012_single_file/ and ace2005/');
// In 2018 sentences without relations were left out.
local with_relations = { relation+: { reader+: { only_sentences_with_relations: true } } };
local tasks = corpora.ace(data) + with_relations + corpora.ontonotes(data);

{
  new(levels):: experiment.new(
    tasks={ [task]: tasks[task] for task in std.objectFields(levels) },
    embedding=embedders.combine([embedders.words(), embedders.characters()]),
    levels=levels,
    // Random vectors from which all tasks learn within three epochs.
    initializer={ regexes: [['token_embedder_tokens.weight', { type: 'normal', mean: 0.0, std: 0.1 }]] },
  ),
}
