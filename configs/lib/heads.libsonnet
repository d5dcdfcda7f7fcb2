// Heads of spans. Each goes with a dataset reader of its own, which `experiment.new` gives to the task whose level has it.
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
}
