// A whole experiment from its parts: data and readers by task, the embedding, the levels.
//
// `tasks` maps each task to { reader, train, validation, test, batch_size }, whose test may be null, and, where its batches
// are not to hold sentences of similar length as usual, { padding_noise }; the reader's token indexers are those of `embedding`, which `embedders.combine` makes. `min_count` maps vocabulary namespaces to the occurrences that an entry
// needs: where word vectors are learned, { tokens: 2 } teaches the model what an unknown word is like.
// Tasks of sentences are validated and tested in batches of `validation_batch_size` sentences at least: without gradients
// there is room for them, and the scores do not depend on it.
// Where a task's data would make fewer than `min_batches` batches, these are made smaller in training, down to 4 instances,
// so that a small corpus gives enough updates; null leaves batches as they are.
// Where a head names a `reader`, as those of `heads` do, this is what the task's reader becomes, and its options are added.
// `validation_metric` names the metric of some tasks that decides their patience and best weights, where it is not '+f1',
// such as { relation: '+f1_last_tokens' }, or that which a head names, as those of numbers do; those of tasks that the
// experiment lacks do not matter.
// `shared_encoder` is that of the levels without encoders, see `levels.sharing`. Everything else has the paper's value as
// its default.
{
  new(
    tasks,
    embedding,
    levels,
    shared_encoder=null,
    sampler='proportional',
    optimizer={ type: 'adam', lr: 0.001 },
    shared_optimizer=false,
    scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 5, threshold: 1e-4, threshold_mode: 'abs' },
    num_epochs=100,
    patience=10,
    validation_metric={},
    min_count={},
    initializer={ regexes: [] },
    seed=13370,
    trainer={},
    validation_batch_size=32,
    min_batches=20,
  ):: {
    local paths(split) = {
      [task]: tasks[task][split]
      for task in std.objectFields(tasks)
      if tasks[task][split] != null
    },
    // With whatever is added to the experiment.
    local experiment = self,
    local metric_of_head(task) = std.get(levels[task].head, 'validation_metric', '+f1'),
    local metrics = {
      [task]: std.get(validation_metric, task, metric_of_head(task))
      for task in std.objectFields(tasks)
    },
    local is_metric_named = std.setInter(std.objectFields(tasks), std.objectFields(validation_metric)) != []
                            || std.length([task for task in std.objectFields(tasks) if metric_of_head(task) != '+f1']) > 0,
    // A head may need more than a corpus's usual reader gives, see `heads`.
    local reader_of_head(task) =
      local head = levels[task].head;
      local reader = if std.objectHasAll(head, 'reader') then head.reader else {};
      if std.get(reader, 'scope') == 'document' then reader + std.get(tasks[task], 'document_reader', {}) else reader,
    local padding_noise = {
      [task]: tasks[task].padding_noise
      for task in std.objectFields(tasks)
      if std.objectHas(tasks[task], 'padding_noise')
    },
    // One that reads texts of its own, those of labels, indexes them as the task's reader does its sentences.
    local with_indexers(level) =
      if std.objectHasAll(level.head, 'indexes_texts') then level { head+: { token_indexers: embedding.token_indexers } }
      else level,
    local holds_documents(task) =
      local reader = experiment.dataset_reader.readers[task];
      std.member(['hmtl_coref', 'hmtl_questions'], reader.type) || std.get(reader, 'scope') == 'document',

    random_seed: seed,
    numpy_seed: seed,
    pytorch_seed: seed,
    dataset_reader: {
      type: 'multitask',
      readers: {
        [task]: tasks[task].reader + reader_of_head(task) + { token_indexers: embedding.token_indexers }
        for task in std.objectFields(tasks)
      },
    },
    train_data_path: paths('train'),
    validation_data_path: paths('validation'),
    [if std.count([tasks[task].test != null for task in std.objectFields(tasks)], true) > 0 then 'test_data_path']:
      paths('test'),
    datasets_for_vocab_creation: ['train'],
    vocabulary: { min_count: min_count },
    data_loader: {
      type: 'per_task',
      batch_size: { [task]: tasks[task].batch_size for task in std.objectFields(tasks) },
      [if padding_noise != {} then 'padding_noise']: padding_noise,
      [if min_batches != null then 'min_batches']: min_batches,
      seed: seed,
    },
    validation_data_loader: {
      type: 'per_task',
      batch_size: std.mapWithKey(
        function(task, size) if holds_documents(task) then size else std.max(size, validation_batch_size),
        experiment.data_loader.batch_size
      ),
    },
    model: {
      type: 'hmtl',
      text_field_embedder: embedding.text_field_embedder,
      levels: std.mapWithKey(function(task, level) with_indexers(level), levels),
      [if shared_encoder != null then 'shared_encoder']: shared_encoder,
      initializer: initializer,
    },
    trainer: {
      type: 'multi_task',
      sampler: sampler,
      optimizer: optimizer,
      shared_optimizer: shared_optimizer,
      learning_rate_scheduler: scheduler,
      grad_norm: 5.0,
      grad_clipping: 10.0,
      num_epochs: num_epochs,
      patience: patience,
      [if is_metric_named then 'validation_metric']: metrics,
      seed: seed,
    } + trainer,
  },

  // An experiment whose encoder is fine-tuned: `embedding` has an `embedders.transformer` with `train=true` or `adapters`. One
  // AdamW for all tasks has the rate `encoder_lr` for the encoder and `lr` for all else, and decays matrices alone;
  // with a `layer_decay` below 1 lower layers learn more slowly. The rates rise during the share `warmup` of all updates and
  // fall to 0 until the last one (`decay` 'linear', 'cosine' or 'constant'), so that no task stops earlier. A batch is
  // `accumulate` times as large as it is computed at once. Adapters want an `encoder_lr` near 0.0005.
  finetune(
    tasks,
    embedding,
    levels,
    encoder_lr=5e-5,
    lr=0.001,
    layer_decay=1.0,
    weight_decay=0.01,
    warmup=0.1,
    decay='linear',
    accumulate=1,
    precision='fp32',
    num_epochs=10,
    sampler='proportional',
    validation_metric={},
    min_count={},
    initializer={ regexes: [] },
    seed=13370,
    trainer={},
    validation_batch_size=32,
    min_batches=20,
  ):: $.new(
    tasks,
    embedding,
    levels,
    sampler=sampler,
    optimizer={
      type: 'finetuning_adamw',
      lr: lr,
      encoder_lr: encoder_lr,
      layer_decay: layer_decay,
      weight_decay: weight_decay,
    },
    shared_optimizer=true,
    scheduler={ type: 'warmup_and_decay', warmup: warmup, shape: decay },
    num_epochs=num_epochs,
    patience=null,
    validation_metric=validation_metric,
    min_count=min_count,
    initializer=initializer,
    seed=seed,
    trainer={
      precision: precision,
      gradient_accumulation_steps: accumulate,
      grad_norm: 1.0,
      grad_clipping: null,
    } + trainer,
    validation_batch_size=validation_batch_size,
    min_batches=min_batches,
  ),

  // Added to an experiment: its model starts with the weights of a trained one, wherever these mean the same, and keeps
  // its words. `freeze` names what is not trained: 'embedding', levels, or 'ner.encoder' and the like.
  from_archive(archive, freeze=[]):: {
    vocabulary+: { type: 'with_archive', archive_file: archive },
    model+: { type: 'hmtl_finetuned', pretrained_file: archive, freeze: freeze },
  },
}
