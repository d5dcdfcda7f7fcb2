// Heads of spans, relations and labels. Each goes with a dataset reader of its own, which `experiment.new` gives to the task whose level has it.
local values_of(values, number_range) = {
  values: values,
  [if number_range != null then 'number_range']: number_range,
};

{
  // Any of a sentence's spans of up to `max_span_width` tokens may have a label; they may nest and overlap, or `overlaps`
  // is 'nested' (without crossing) or 'none'. `options` are others of the head `hmtl_spans`.
  spans(max_span_width=12, overlaps='any', dropout=0.2, options={}): {
    type: 'hmtl_spans',
    max_span_width: max_span_width,
    overlaps: overlaps,
    dropout: dropout,
    reader:: { type: 'hmtl_spans' },
  } + options,

  // The same, with labels that are texts: each is matched with the vector of its words in the shared embedding, so that
  // labels can be asked for that training never had. Its task's data are those of `corpora.text_labels`. `options` are
  // others of the head `hmtl_text_label_spans`.
  text_label_spans(max_span_width=12, overlaps='any', dropout=0.2, options={}): {
    type: 'hmtl_text_label_spans',
    max_span_width: max_span_width,
    overlaps: overlaps,
    dropout: dropout,
    reader:: { type: 'hmtl_text_label_spans' },
    indexes_texts:: true,
  } + options,

  // The arguments of each predicate, tagged with the distance from it as an input feature. `encoder` reads the level's
  // vectors and these distances. `options` are others of the head `hmtl_predicate_arguments`.
  predicate_arguments(encoder, predicate_labels=['VERB'], dropout=0.2, options={}): {
    type: 'hmtl_predicate_arguments',
    encoder: encoder,
    predicate_labels: predicate_labels,
    dropout: dropout,
    reader:: { type: 'hmtl_predicate_arguments', predicate_labels: predicate_labels },
  } + options,

  // Answers to questions, which are spans of the text: a task's questions and data are those of `corpora.questions`.
  // `max_span_width` is the width of answers in tokens; `options` are others of the head `hmtl_questions`.
  questions(max_span_width=12, dropout=0.2, options={}): {
    type: 'hmtl_questions',
    max_span_width: max_span_width,
    dropout: dropout,
    reader:: { type: 'hmtl_questions' },
    indexes_texts:: true,
  } + options,

  // Relations between the spans that the nearest level below finds. Those of `symmetric` have no direction, and
  // `type_constraints` say what they may join: 'learned', or pairs of types for each. A relation is found from the
  // probability `threshold` on: of small corpora few become likely. `options` are others of the head
  // `hmtl_span_relations`, such as { candidate_levels: ['ner', 'emd'] }, whose spans are related then. With the `scope`
  // 'document' the arguments may lie in sentences that are `max_sentence_distance` apart; null is for any.
  span_relations(
    symmetric=[],
    type_constraints=null,
    threshold=0.3,
    dropout=0.2,
    scope='sentence',
    max_sentence_distance=3,
    options={},
  ): {
    type: 'hmtl_span_relations',
    [if scope != 'sentence' then 'scope']: scope,
    [if scope != 'sentence' then 'max_sentence_distance']: max_sentence_distance,
    symmetric: symmetric,
    [if type_constraints != null then 'type_constraints']: type_constraints,
    threshold: threshold,
    dropout: dropout,
    reader:: {
      type: 'hmtl_span_relations',
      symmetric: symmetric,
      [if scope != 'sentence' then 'scope']: scope,
    },
  } + options,

  // A label for each sentence or document; `values` 'labels' is for any number of them, 'number' for a number, which with a
  // `number_range` such as [1, 5] is the expected value of a distribution over these whole numbers. The vectors of the tokens
  // become one by `pooling`: 'max', 'mean', 'attention' or 'first'. Of documents, the level's encoder reads sentence by
  // sentence where `encoder_scope` is 'sentence'. `options` are others of the head `hmtl_labels`.
  labels(values='label', scope='sentence', encoder_scope=null, pooling='max', number_range=null, dropout=0.2, options={}): {
    type: 'hmtl_labels',
    scope: scope,
    [if encoder_scope != null then 'encoder_scope']: encoder_scope,
    pooling: pooling,
    dropout: dropout,
    reader:: { type: 'hmtl_labels', scope: scope } + values_of(values, number_range),
    [if values == 'number' then 'validation_metric']:: '+pearson',
  } + values_of(values, number_range) + options,

  // The same for pairs of texts, whose vectors u and v are combined: InferSent's `features` are u, v, |u - v| and u * v.
  // `options` are others of the head `hmtl_pairs`.
  pairs(
    values='label',
    features=['first', 'second', 'absolute_difference', 'product'],
    pooling='max',
    number_range=null,
    dropout=0.2,
    options={},
  ): {
    type: 'hmtl_pairs',
    features: features,
    pooling: pooling,
    dropout: dropout,
    reader:: { type: 'hmtl_pairs' } + values_of(values, number_range),
    [if values == 'number' then 'validation_metric']:: '+pearson',
  } + values_of(values, number_range) + options,

  // Whether two adjacent sentences stand in their order or were swapped. Its task's data are those of
  // `corpora.sentence_order`; `options` are others of the head `hmtl_pairs`.
  sentence_order(pooling='max', dropout=0.2, options={}):
    $.pairs(pooling=pooling, dropout=dropout, options=options) { reader:: { type: 'hmtl_sentence_order' } },
}
