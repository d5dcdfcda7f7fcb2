// The parts of the paper's shared embedding: GloVe (fine-tuned), a character CNN, ELMo (frozen).
local embedders = import 'embedders.libsonnet';
local env = import 'environment.libsonnet';

local elmo = env.elmo('elmo_options.json and elmo_weights.hdf5');

[
  embedders.words(pretrained_file=env.glove('glove.6B.100d.txt') + '/glove.6B.100d.txt'),
  embedders.characters(dropout=0.1),
  embedders.elmo(elmo + '/elmo_options.json', elmo + '/elmo_weights.hdf5'),
]
