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

  // Some of these levels, stacked in another order: `reads` maps each wanted task to the tasks that its level reads.
  stacked(levels, reads):: { [task]: levels[task] { reads: reads[task] } for task in std.objectFields(reads) },

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
  hard_sharing(num_layers=3, dropout=0.2): {
    type: 'hard',
    encoder: lstm(num_layers, 64, dropout),
    input_dropout: dropout,
  },

  // An encoder a task, with learned shares between them after each layer.
  cross_stitch(num_layers=3, dropout=0.2, own_share=0.9): {
    type: 'cross_stitch',
    layer: lstm(1, 64),
    num_layers: num_layers,
    own_share: own_share,
    dropout: dropout,
    input_dropout: dropout,
  },

  // The same between subspaces of each layer, and learned weights of the layers.
  sluice(num_layers=3, dropout=0.2, own_share=0.9): $.cross_stitch(num_layers, dropout, own_share) { type: 'sluice' },
}
