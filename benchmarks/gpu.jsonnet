// The paper's model, with its sizes and batches, on the bundled sample: what benchmarks/gpu.py measures by default. Run
// from the top of the repository.
local corpora = import '../configs/lib/corpora.libsonnet';
local embedders = import '../configs/lib/embedders.libsonnet';
local experiment = import '../configs/lib/experiment.libsonnet';
local levels = import '../configs/lib/levels.libsonnet';

local new(embedding) = experiment.new(
  tasks=corpora.jsonl('data/sample'),
  embedding=embedders.combine(embedding),
  levels=levels.paper(),
  optimizer={ type: 'adam', lr: 0.001 },
  num_epochs=2,
  // The sample is small, and batches shall not be.
  min_batches=null,
);

new([embedders.words(), embedders.characters()]) {
  // The same on an encoder of the transformers library; `options` are those of `embedders.transformer`.
  on(name, options):: new([embedders.transformer(name) { embedders+: { transformer+: options } }]),
}
