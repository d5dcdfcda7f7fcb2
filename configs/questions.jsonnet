// The four tasks as questions, answered by one head: names, mentions and coreference of GUM, mentions and relations of
// Re-DocRED. Another source, such as `questions.squad()`, is another entry.
//   HMTL_DATA         the folder that holds gum/ and redocred/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder: it reads texts and questions
local corpora = import 'lib/corpora.libsonnet';
local embedders = import 'lib/embedders.libsonnet';
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';
local heads = import 'lib/heads.libsonnet';
local levels = import 'lib/levels.libsonnet';
local questions = import 'lib/questions.libsonnet';

local data = env.data('gum/ and redocred/');

experiment.new(
  tasks={
    questions: corpora.questions(questions.gum(data + '/gum') + questions.redocred(data + '/redocred')),
  },
  embedding=embedders.combine([
    embedders.words(),
    embedders.characters(),
    embedders.transformer(env.encoder, cache=true),
  ]),
  levels={
    questions: {
      encoder: levels.lstm(1, 64),
      // Most questions have no answer: of these a part is enough to learn from.
      head: heads.questions(options={ unanswered_share: 0.25, max_training_tokens: 8192 }),
      reads: [],
      input_dropout: 0.2,
    },
  },
  min_count={ tokens: 2 },
  initializer=embedders.learned_words_initializer,
  optimizer={ type: 'adam', lr: 0.003 },
  scheduler={ type: 'warmup_and_decay', warmup: 0.1, shape: 'linear' },
  num_epochs=5,
  patience=null,
)
