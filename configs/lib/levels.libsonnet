// The levels of the paper, with its sizes (hidden units are per direction), and encoders that several levels share.
// Input sizes are computed by the model.
local heads = import 'heads.libsonnet';

local lstm(num_layers, hidden_size, dropout=0.0) = {
  type: 'hmtl_lstm',
  num_layers: num_layers,
  hidden_size: hidden_size,
  dropout: dropout,
};

// Whether the head of a level reads the spans that other levels predict.
local reads_spans(level) = std.member(['hmtl_relation', 'hmtl_span_relations'], level.head.type);

// NER -> EMD -> RE and CR side by side.
local hierarchy(levels, gold_mentions) = {
  ner: levels.tagger([]),
  emd: levels.tagger(['ner']),
  relation: levels.relation(['emd']),
  coref: levels.coref(['emd'], gold_mentions=gold_mentions),
};

{
  lstm:: lstm,

  tagger(reads, dropout=0.2): {
    encoder: lstm(2, 64, dropout),
    head: { type: 'hmtl_crf', dropout: dropout },
    reads: reads,
    input_dropout: dropout,
  },

  // The convolutional encoder of Collobert and Weston: a linear layer over the words of a window, and a HardTanh.
  window_encoder(hidden_size=300, window_size=5): { type: 'hmtl_window', hidden_size: hidden_size, window_size: window_size },

  // The arguments of the predicates that the level `predicates` finds, by its labels `predicate_labels`. What is the
  // distance from a predicate stands beside the shared embedding, and `encoder` reads both.
  arguments(predicates, predicate_labels=['VERB'], encoder=$.window_encoder(), dropout=0.2): {
    encoder: { type: 'pass_through' },
    head: heads.predicate_arguments(encoder, predicate_labels, dropout),
    reads: [],
    reads_labels: [predicates],
  },

  // A label for each token, such as its part of speech.
  token_labels(reads, dropout=0.2): {
    encoder: lstm(1, 64),
    head: { type: 'hmtl_token_classification', dropout: dropout },
    reads: reads,
    input_dropout: dropout,
  },

  // The head of each token in a dependency tree, and the relation to it.
  parser(reads, dropout=0.33): {
    encoder: lstm(2, 200, dropout),
    head: { type: 'hmtl_biaffine', dropout: dropout },
    reads: reads,
    input_dropout: dropout,
  },

  // By `prior_probability` 'data' relations start as probable as they are in the training data, or by a number with that.
  relation(reads, dropout=0.2, threshold=0.5, prior_probability='data'): {
    encoder: lstm(3, 64, dropout),
    head: {
      type: 'hmtl_relation',
      dropout: dropout,
      threshold: threshold,
      prior_probability: prior_probability,
    },
    reads: reads,
    input_dropout: dropout,
  },

  coref(reads, lexical_dropout=0.5, gold_mentions=false): {
    encoder: lstm(1, 200),
    head: { type: 'hmtl_coref', gold_mentions: gold_mentions },
    reads: reads,
    input_dropout: lexical_dropout,
  },

  // NER -> EMD -> RE and CR side by side, with the dropout of 2018: RE has none but that between the LSTM's layers,
  // and no prior.
  paper(gold_mentions=false): hierarchy($, gold_mentions) {
    relation+: { head+: { dropout: 0.0, prior_probability: null }, input_dropout: 0.0 },
    coref+: { head+: { dropout: 0.3 } },
  },

  // The initializer of a model with levels of the paper: for RE and CR, where they are among `tasks`, that of 2018.
  paper_initializer(tasks=['ner', 'emd', 'relation', 'coref'])::
    local xavier = { type: 'xavier_normal' };
    local of_task = {
      // U, W and V, whose inputs were rows in 2018, where they are columns here; then b.
      relation: [
        ['^heads.relation._(arg1|arg2|type)_projection.weight', { type: 'kaiming_normal', mode: 'fan_out' }],
        ['^heads.relation._arg1_projection.bias', { type: 'normal', mean: 0.0, std: 1.0 }],
      ],
      // The last layer of the mention scorer was not among them.
      coref: [
        ['^heads.coref.*_linear_layers.*weight', xavier],
        ['^heads.coref._antecedent_scorer.weight', xavier],
        ['^heads.coref._(distance|width)_embedding.weight', xavier],
        ['^encoders.coref.*weight_ih', xavier],
        ['^encoders.coref.*weight_hh', { type: 'orthogonal' }],
      ],
    };
    { regexes: std.flattenArrays([std.get(of_task, task, []) for task in tasks]) },

  // The same hierarchy for small corpora without pretrained vectors: one layer a level, and a relation head that knows
  // from the start how rare relations are.
  shallow(gold_mentions=false)::
    local one_layer = { encoder+: { num_layers: 1, dropout: 0.0 } };
    std.mapWithKey(
      function(task, level) level + one_layer,
      hierarchy($, gold_mentions) { relation: $.relation(['emd'], threshold=0.3, prior_probability=0.0003) },
    ),

  // The same hierarchy with the heads of `heads`: NER and EMD find spans that may nest, and RE relates these. One layer a
  // level; the dropout is that on what it reads and on what it writes. Where relations come from another corpus than EMD,
  // their arguments are other spans: with `entities` there is a level of this name, for the mentions of their corpus, which
  // do not overlap. It reads EMD, and RE relates what it finds. With the `scope` 'document' RE relates spans of different
  // sentences, too. `layers` names other levels of spans than NER and EMD, from the lowest up.
  spans(
    gold_mentions=false,
    dropout=0.2,
    symmetric=[],
    type_constraints=null,
    entities=false,
    scope='sentence',
    max_sentence_distance=3,
    layers=['ner', 'emd'],
  )::
    local level(head, reads) = { encoder: lstm(1, 64), head: head, reads: reads, input_dropout: dropout };
    local below(number) = if number < 0 then [] else [layers[number]];
    local top = below(std.length(layers) - 1);
    {
      [layers[number]]: level(heads.spans(dropout=dropout), below(number - 1))
      for number in std.range(0, std.length(layers) - 1)
    } + {
      [if entities then 'entities']: level(heads.spans(overlaps='none', dropout=dropout), top),
      relation: level(
        heads.span_relations(
          symmetric=symmetric,
          type_constraints=type_constraints,
          dropout=dropout,
          scope=scope,
          max_sentence_distance=max_sentence_distance,
        ),
        if entities then ['entities'] else top
      ),
      coref: $.shallow(gold_mentions).coref { reads: top },
    },

  // The same levels with heads straight on the shared embedding, for an encoder that is fine-tuned. No level reads another's
  // vectors then; heads of relations get the spans of the same levels as before.
  direct(levels, dropout=0.1)::
    local straight(level) = level {
      encoder: { type: 'pass_through' },
      input_dropout: dropout,
      reads: [],
      [if reads_spans(level) && level.reads != [] then 'reads_labels']: level.reads,
    };
    std.mapWithKey(function(task, level) straight(level), levels),

  // A label for each sentence, or what another head of `heads.labels` says; and a label for each pair of texts, or what
  // another of `heads.pairs` says.
  labels(reads, head=heads.labels(), dropout=0.2): {
    encoder: lstm(1, 64),
    head: head,
    reads: reads,
    input_dropout: dropout,
  },
  pairs(reads, head=heads.pairs(), dropout=0.2): self.labels(reads, head, dropout),

  // Some of these levels, stacked in another order: `reads` maps each wanted task to the tasks that its level reads.
  stacked(levels, reads):: { [task]: levels[task] { reads: reads[task] } for task in std.objectFields(reads) },

  // The same levels without the short-cut connection: those that read others no longer read the shared embedding.
  without_short_cuts(levels)::
    std.mapWithKey(
      function(task, level) level { [if std.get(level, 'reads', []) != [] then 'reads_embedding']: false }, levels
    ),

  // The same levels, each of which also reads the labels that the taggers below it predict, those that it reads and those
  // that these read: the sum of the labels' embeddings, weighted by their probabilities (Hashimoto et al. 2017). Levels of
  // pairs of texts also read those of pairs below, but not a number without a distribution.
  with_label_embeddings(levels, dim=100)::
    local below(task) =
      local reads = std.get(levels[task], 'reads', []);
      std.set(reads + std.flatMap(below, reads));
    local labels_tokens(task) = std.member(['hmtl_crf', 'hmtl_token_classification'], levels[task].head.type);
    local is_of_pairs(task) = levels[task].head.type == 'hmtl_pairs';
    local labels_pairs(task) =
      local head = levels[task].head;
      is_of_pairs(task) && (std.get(head, 'values') != 'number' || std.get(head, 'number_range') != null);
    local reads(task) =
      std.filter(function(lower) labels_tokens(lower) || is_of_pairs(task) && labels_pairs(lower), below(task));
    std.mapWithKey(
      function(task, level) level {
        [if reads(task) != [] then 'reads_label_embeddings']: reads(task),
        [if labels_tokens(task) || labels_pairs(task) then 'label_embedding_dim']: dim,
      },
      levels
    ),

  // The same tasks without encoders of their own: their levels take their vectors from the model's `shared_encoder`,
  // which is one of the next three.
  // Heads of relations between spans get the spans of the same levels as before.
  sharing(levels)::
    local sharing(level) = {
      head: level.head,
      [if level.head.type == 'hmtl_span_relations' then 'reads_labels']: level.reads,
    };
    std.mapWithKey(function(task, level) sharing(level), levels),

  // One encoder for all tasks.
  hard_sharing(num_layers=3, dropout=0.2, hidden_size=64): {
    type: 'hard',
    encoder: lstm(num_layers, hidden_size, dropout),
    input_dropout: dropout,
  },

  // An encoder a task, with learned shares between them after each layer.
  cross_stitch(num_layers=3, dropout=0.2, own_share=0.9, hidden_size=64): {
    type: 'cross_stitch',
    layer: lstm(1, hidden_size),
    num_layers: num_layers,
    own_share: own_share,
    dropout: dropout,
    input_dropout: dropout,
  },

  // The same between subspaces of each layer, and learned weights of the layers. With `orthogonality_weight`, 0.1 in the
  // paper's code, a penalty keeps the subspaces apart.
  sluice(num_layers=3, dropout=0.2, own_share=0.9, hidden_size=64, orthogonality_weight=0.0):
    $.cross_stitch(num_layers, dropout, own_share, hidden_size) {
      type: 'sluice',
      [if orthogonality_weight > 0 then 'orthogonality_weight']: orthogonality_weight,
    },
}
