// Which tasks help each other? Tasks of one label a token on one shared BiLSTM, in the set-up of Bingel and Søgaard 2017
// ("Identifying beneficial task relations for multi-task learning in deep neural networks", section 3).
local embedders = import 'embedders.libsonnet';
local experiment = import 'experiment.libsonnet';
local levels = import 'levels.libsonnet';

local splits(train, validation, test) = { train: train, validation: validation, test: test };

// `plain` for layers that label single tokens. A label that training does not show counts as missed.
local labels(corpus, layer, scheme='bio') = {
  reader: { type: 'hmtl_token_labels', corpus: corpus, layer: layer, scheme: scheme, allow_unknown_labels: true },
};

// Updates of a single task; after each fifth of them it is validated. In so few as those of `short` Adadelta, which has to
// find its step size first, learns no rare label.
local presets = {
  full: { steps: 25000, optimizer: { type: 'adadelta', lr: 1.0 } },
  short: { steps: 1500, optimizer: { type: 'adam', lr: 0.003 } },
};

{
  // Ten tasks from corpora that are free. `data` holds gum/, streusle/ and wnut17/.
  free(data): {
    local gum = splits(data + '/gum/train.txt', data + '/gum/dev.txt', data + '/gum/test.txt'),
    // The last 85 of the 855 reviews with sentences to train on are held out.
    local reviews = data + '/streusle/splits/mwe-train.sentids',
    local streusle = splits(reviews + '#0:770', reviews + '#770:', data + '/streusle/splits/mwe-test.sentids'),
    local wnut = splits(
      data + '/wnut17/wnut17train.conll',
      data + '/wnut17/emerging.dev.conll',
      data + '/wnut17/emerging.test.annotated'
    ),
    pos: labels('gum_layers', 'pos', 'plain') + gum,
    chunks: labels('gum_layers', 'chunks') + gum,
    deprel: labels('gum_layers', 'deprel', 'plain') + gum,
    entities: labels('gum_layers', 'ner') + gum,
    mentions: labels('gum_layers', 'mentions') + gum,
    infstat: labels('gum_layers', 'infstat') + gum,
    links: labels('gum_layers', 'links') + gum,
    mwe: labels('streusle', 'mwe', 'plain') + streusle,
    supersenses: labels('streusle', 'supersenses') + streusle,
    wnut: labels('conll2003', 'ner') + wnut,
  },

  // One run. `tasks` maps each of its tasks to { reader, train, validation, test }. Several tasks have as many updates
  // each, on average, as a single one. `steps` replaces those of the preset, and `glove` is a file of word vectors of 100
  // dimensions to start with. There is a validation after each fifth of a single task's updates, or `at_end` alone.
  run(tasks, preset='full', steps=null, glove=null, seed=13370, at_end=false)::
    local of_one = if steps == null then presets[preset].steps else steps;
    local num_steps = of_one * std.length(std.objectFields(tasks));
    local every = if at_end then num_steps else std.max(1, std.floor(of_one / 5));
    experiment.new(
      tasks=std.mapWithKey(
        function(task, data) data { batch_size: 32, reader+: { label_namespace: task + '_labels' } }, tasks
      ),
      embedding=embedders.combine([embedders.words(pretrained_file=glove)]),
      levels=std.mapWithKey(function(task, data) { head: { type: 'hmtl_token_classification' } }, tasks),
      shared_encoder={ type: 'hard', encoder: levels.lstm(1, 100) },
      sampler={ type: 'uniform_updates', num_updates: every },
      optimizer=presets[preset].optimizer,
      // One for all tasks, so that the history of a shared parameter's gradients is that of all of them.
      shared_optimizer=true,
      scheduler={ type: 'constant' },
      num_epochs=std.floor(num_steps / every),
      patience=null,
      // What is not known is learned from the words that training shows once, or left to the word vectors.
      min_count=if glove == null then { tokens: 2 } else {},
      initializer=if glove == null then embedders.learned_words_initializer else { regexes: [] },
      seed=seed,
      trainer={ grad_norm: null, grad_clipping: null, callbacks: [{ type: 'batch_losses', every: 10 }] },
      validation_batch_size=64,
    ),
}
