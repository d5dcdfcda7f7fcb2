// The joint many-task model (Hashimoto et al. 2017) over those of its five tasks that there are data for. What differs from
// the paper stands in configs/jmt.jsonnet.
local experiment = import 'experiment.libsonnet';
local heads = import 'heads.libsonnet';
local levels = import 'levels.libsonnet';

// From the lowest up: an epoch of one after an epoch of the other.
local order = ['pos', 'chunks', 'dependencies', 'relatedness', 'entailment'];

{
  // A level for each of these tasks, above the one before it, whose encoder reads the words and the level below. With
  // `label_embeddings` it also reads the labels of all tokens that are predicted below, and entailment the relatedness of
  // the pair, with their embeddings of the size `label_dim`. A level's LSTM has `hidden_size` units in each direction.
  levels(tasks, label_embeddings=true, hidden_size=100, label_dim=100, dropout=0.2)::
    local head = {
      pos: { type: 'hmtl_token_classification', dropout: dropout },
      // A softmax at each token.
      chunks: { type: 'hmtl_crf', transitions: false, loss_reduction: 'mean', dropout: dropout },
      dependencies: { type: 'hmtl_biaffine', dropout: dropout },
      relatedness:
        heads.pairs(values='number', number_range=[1, 5], features=['absolute_difference', 'product'], dropout=dropout),
      entailment: heads.pairs(features=['difference', 'product'], dropout=dropout, options={ num_layers: 3 }),
    };
    local stack = {
      [tasks[n]]: {
        encoder: levels.lstm(1, hidden_size),
        head: head[tasks[n]],
        reads: if n == 0 then [] else [tasks[n - 1]],
        input_dropout: dropout,
      }
      for n in std.range(0, std.length(tasks) - 1)
    };
    if label_embeddings then levels.with_label_embeddings(stack, label_dim) else stack,

  // How the model is trained: what `new` takes as `training`. By Adam, with the batches of the corpora,
  adam: {
    optimizer: { type: 'adam', lr: 0.002 },
    scheduler: { type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  },

  // or by gradient descent with the values of the paper's appendix A. A decay of 2 a is a penalty of a times the square.
  sgd: {
    optimizer: {
      type: 'sgd',
      lr: 1.0,
      parameter_groups: [
        [['^encoders\\..*weight'], { weight_decay: 2e-6 }],
        [['^heads\\..*weight'], { weight_decay: 2e-5 }],
      ],
    },
    scheduler: { type: 'inverse_decay', decay: 0.3 },
    batch_sizes: { pos: 25, chunks: 25, dependencies: 15, relatedness: 25, entailment: 25 },
    trainer: { grad_norm: 3.0, grad_clipping: null },
  },

  // The experiment. `tasks` are some of the five, as `corpora` has them; `regularisation` is the successive one.
  new(
    tasks,
    embedding,
    label_embeddings=true,
    regularisation=true,
    training=$.adam,
    num_epochs=10,
    initializer={ regexes: [] },
  )::
    local stacked = [task for task in order if std.objectHasAll(tasks, task)];
    local batch(task) = std.get(std.get(training, 'batch_sizes', {}), task, tasks[task].batch_size);
    experiment.new(
      tasks={ [task]: tasks[task] { batch_size: batch(task) } for task in stacked },
      embedding=embedding,
      levels=$.levels(stacked, label_embeddings),
      sampler={ type: 'successive', order: stacked },
      optimizer=training.optimizer,
      scheduler=training.scheduler,
      num_epochs=num_epochs,
      patience=null,
      validation_metric={ dependencies: '+las' },
      min_count={ tokens: 2 },
      initializer=initializer,
      trainer={
        [if regularisation then 'successive_regularization']: { strength: 0.001, head_strength: 0.01 },
      } + std.get(training, 'trainer', {}),
    ),
}
