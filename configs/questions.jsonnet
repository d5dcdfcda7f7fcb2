// The four tasks as questions, answered by one head: names, mentions and coreference of GUM, mentions and relations of
// Re-DocRED, and SQuAD's own questions where there are some.
//   HMTL_DATA         the folder that holds gum/ and redocred/
//   HMTL_SQUAD        the folder of train-v2.0.json and dev-v2.0.json; without it there is no SQuAD
//   HMTL_TRANSFORMER  a frozen encoder's name or folder: it reads texts and questions
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';
local questions = import 'lib/questions.libsonnet';

local data = env.data('gum/ and redocred/');
local squad = {
  squad: questions.squad() {
    train: env.squad + '/train-v2.0.json',
    validation: env.squad + '/dev-v2.0.json',
    test: null,
  },
};

experiment.new(
  tasks={
    questions: corpora.questions(
      questions.gum(data + '/gum') + questions.redocred(data + '/redocred') + (if env.squad == '' then {} else squad)
    ),
  },
  embedding=embedders.combine([embedders.words(), embedders.characters(), embedders.transformer(env.encoder, cache_gib=6.0)]),
  levels={
    questions: {
      encoder: levels.lstm(1, 64),
      // Most questions have no answer: of these a part is enough to learn from.
      head: heads.questions(options={ unanswered_share: 0.25 }),
      reads: [],
      input_dropout: 0.2,
    },
  },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
  num_epochs=6,
  patience=null,
)
