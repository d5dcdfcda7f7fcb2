// What HMTL_PRESET does to an experiment: unset it leaves it as it is.
local env = import 'environment.libsonnet';

// `by_task` with the changes to those of its tasks that `changes` names.
local with(by_task, changes) =
  std.mapWithKey(function(task, value) value + std.get(changes, task, {}), by_task);

local patches = {
  // Minutes on a CPU: one small layer a level, fewer candidates in coreference, smaller batches and few epochs, the same
  // for every task and setup. No task stops early, so that setups differ in nothing but the tasks that they train.
  fast(experiment): experiment {
    local one_layer = { encoder+: { num_layers: 1, hidden_size: 64, dropout: 0.0 } },
    local few_candidates = { head+: { spans_per_word: 0.3, max_antecedents: 30, hidden_dim: 50 } },
    local batch_sizes = { ner: 16, emd: 16, entities: 16, relation: 8, coref: 1 },
    local levels = with(experiment.model.levels, { coref: few_candidates }),
    model+: {
      levels: std.mapWithKey(
        function(task, level) if std.objectHas(level, 'encoder') then level + one_layer else level, levels
      ),
    },
    data_loader+: { batch_size: { [task]: batch_sizes[task] for task in std.objectFields(levels) } },
    trainer+: { num_epochs: 6, patience: 6 },
  },

  // The flaws of the 2018 implementation that change results, each by its option; which sentences of OntoNotes are read
  // is decided in setups.libsonnet.
  faithful(experiment): experiment {
    local readers = {
      // Sentences without relations are left out, at test too.
      relation: { only_sentences_with_relations: true },
      // The lower levels read a document as one sequence, in which some punctuation marks lose their slash.
      coref: { one_sequence: true, unescape: true },
    },
    // Heads of spans are younger, and have none of the flaws.
    local relation = std.get(experiment.model.levels, 'relation', { head: { type: null } }),
    local above_ner(task) = std.member(std.get(std.get(experiment.model.levels, task, {}), 'reads', []), 'ner'),
    local levels = {
      // Above NER, the dropout of mention detection was looked up among NER's options, where NER had taken it already.
      // No code of 2018 has EMD below NER.
      emd: if above_ner('emd') then { head+: { dropout: 0.0 }, input_dropout: 0.0 } else {},
      // Padded pairs count in the loss, which is large, and a token may be related to itself.
      relation: if relation.head.type == 'hmtl_relation' then { head+: { loss_reduction: 'as_2018', allow_self_relations: true } } else {},
      // B-cubed leaves out clusters of one; of the gold mentions, the narrow ones are candidates, to be pruned.
      coref: { head+: { singletons: 'as_2018', gold_mentions_rule: 'as_2018' } },
    },
    dataset_reader+: { readers: with(experiment.dataset_reader.readers, readers) },
    // What a stateful ELMo makes of a sentence depends on the order and the size of batches.
    validation_data_loader: experiment.data_loader { min_batches:: null },
    model+: {
      levels: with(experiment.model.levels, levels),
      // ELMo begins a sentence where it ended the one before.
      text_field_embedder+: { token_embedders: with(super.token_embedders, { elmo: { stateful: true } }) },
    },
    trainer+: {
      // The rate falls although the score rises.
      local scheduler = experiment.trainer.learning_rate_scheduler,
      learning_rate_scheduler: {
        type: 'reduce_unless_score_falls',
        factor: scheduler.factor,
        patience: scheduler.patience,
      },
      // Out of patience at the lowest of the last scores, for good.
      patience_rule: 'lowest_score',
    },
  },
};

local name = env.preset(std.objectFields(patches));

{
  name:: name,
  apply(experiment):: if name == '' then experiment else patches[name](experiment),
}
