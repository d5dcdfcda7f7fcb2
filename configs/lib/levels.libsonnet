// The levels of the paper, with its sizes (hidden units are per direction). Input sizes are computed by the model.
local lstm(num_layers, hidden_size, dropout=0.0) = {
  type: 'hmtl_lstm',
  num_layers: num_layers,
  hidden_size: hidden_size,
  dropout: dropout,
};

{
  lstm:: lstm,

  tagger(reads, dropout=0.2): {
    encoder: lstm(2, 64, dropout),
    head: { type: 'hmtl_crf', dropout: dropout },
    reads: reads,
    input_dropout: dropout,
  },

  relation(reads, dropout=0.2, threshold=0.5, prior_probability=null): {
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

  // NER -> EMD -> RE and CR side by side.
  paper(gold_mentions=false): {
    ner: $.tagger([]),
    emd: $.tagger(['ner']),
    relation: $.relation(['emd']),
    coref: $.coref(['emd'], gold_mentions=gold_mentions),
  },

  // The same hierarchy for small corpora without pretrained vectors: one layer a level, and a relation head that knows
  // from the start how rare relations are.
  shallow()::
    local one_layer = { encoder+: { num_layers: 1, dropout: 0.0 } };
    std.mapWithKey(
      function(task, level) level + one_layer,
      $.paper() { relation: $.relation(['emd'], threshold=0.3, prior_probability=0.0003) },
    ),
}
