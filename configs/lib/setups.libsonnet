// The setups of the paper (HMTL section 4), on three sets of corpora. Setups differ in the tasks that are trained and
// in how their levels are stacked; everything else is theirs in common.
//   HMTL_DATA         ldc: the folder that holds conll-2012/, ace2005/, conll-2012_single_file/ (for A-CoNLL-2012) and
//                     conll2003/ (for A-CoNLL-2003); free, heads: gum/ and redocred/; scierc: train, dev and test.jsonl
//   HMTL_GLOVE        ldc: the folder that holds glove.6B.100d.txt
//   HMTL_ELMO         ldc: the folder that holds elmo_options.json and elmo_weights.hdf5
//   HMTL_TRANSFORMER  free, scierc: a frozen encoder's name or folder; unset, words and characters are learned alone;
//                     heads: an encoder's name or folder
//   HMTL_PRESET       unset: the paper's hyper-parameters (free, scierc: those for small corpora); fast: minutes on two
//                     cores; faithful: with the flaws of the 2018 implementation
local corpora = import 'corpora.libsonnet';
local embedders = import 'embedders.libsonnet';
local env = import 'environment.libsonnet';
local experiment = import 'experiment.libsonnet';
local levels = import 'levels.libsonnet';
local paper = import 'paper_embedding.libsonnet';
local presets = import 'presets.libsonnet';

// From the bottom up.
local ner_lowest = [['ner'], ['emd'], ['relation', 'coref']];
local emd_lowest = [['emd'], ['ner'], ['relation', 'coref']];

// With `gold_mentions` coreference is validated and tested on the gold mentions. `embedding_parts` of the embedding's
// three parts are used: words, characters, the pretrained encoder.
local setup(tasks, floors=ner_lowest, gold_mentions=false, embedding_parts=3) = {
  tasks: tasks,
  floors: floors,
  gold_mentions: gold_mentions,
  embedding_parts: embedding_parts,
};
local all = ['ner', 'emd', 'relation', 'coref'];

local setups = {
  A: setup(all),
  'A-GM': setup(all, gold_mentions=true),
  B: setup(['ner']),
  C: setup(['emd']),
  D: setup(['relation']),
  E: setup(['coref']),
  'E-GM': setup(['coref'], gold_mentions=true),
  F: setup(['ner', 'emd']),
  G: setup(['emd', 'relation']),
  H: setup(['emd', 'coref']),
  I: setup(['ner', 'emd', 'relation']),
  J: setup(['ner', 'emd', 'coref']),
  K: setup(['ner', 'emd'], floors=emd_lowest),
  L: setup(all, floors=emd_lowest),
  // Less and less of the embedding.
  'A-GM-without-encoder': setup(all, gold_mentions=true, embedding_parts=2),
  'A-GM-words': setup(all, gold_mentions=true, embedding_parts=1),
  // Another corpus for one task, of the LDC's alone.
  'A-CoNLL-2003': setup(all),
  'A-CoNLL-2012': setup(all),
};

// What each task's level reads: the floor below, of those that hold any of the tasks.
local reads(tasks, floors) =
  local wanted = [[task for task in floor if std.member(tasks, task)] for floor in floors];
  local used = [floor for floor in wanted if floor != []];
  { [task]: if n == 0 then [] else used[n - 1] for n in std.range(0, std.length(used) - 1) for task in used[n] };

local of_setup(setup, corpora, new) =
  local tasks = [task for task in setup.tasks if std.objectHas(corpora, task)];
  local stacked(all) = levels.stacked(all(setup.gold_mentions), reads(tasks, setup.floors));
  presets.apply(new({ [task]: corpora[task] for task in tasks }, stacked));

local first_parts(parts, setup) =
  embedders.combine(parts[:std.min(setup.embedding_parts, std.length(parts))]);

// The paper scores relations by the last tokens of their arguments.
local validation_metric = { relation: '+f1_last_tokens' };
// Of 2018: sentences are drawn at random, whatever their lengths, and the lower levels of coreference read a document as
// one sequence.
local as_in_2018(task, data) =
  if task == 'coref' then data { padding_noise: 0.0, reader+: { one_sequence: true } }
  else data { padding_noise: null };

// Small corpora, and words that are learned from them.
local small_corpora(name, corpora) =
  local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache_gib=6.0)];
  local setup = setups[name];
  of_setup(setup, corpora, function(tasks, stacked) experiment.new(
    tasks=tasks,
    embedding=first_parts([embedders.words(), embedders.characters()] + contextual, setup),
    levels=stacked(levels.shallow),
    min_count={ tokens: 2 },
    initializer=embedders.learned_words_initializer,
    optimizer={ type: 'adam', lr: 0.003 },
    scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
    num_epochs=12,
    patience=4,
    validation_metric=validation_metric,
  ));

{
  // NER from OntoNotes, the other tasks from ACE 2005, in the layout of 2018. NER leaves out what `exclude` names.
  ldc(name, exclude=if presets.name == 'faithful' then [] else ['/pt/'])::
    local data = env.data('conll-2012/ and ace2005/');
    local ontonotes = corpora.ontonotes(data, exclude);
    local replaced = {
      'A-CoNLL-2003': corpora.conll2003(data + '/conll2003'),
      'A-CoNLL-2012': { coref: ontonotes.coref },
    };
    of_setup(
      setups[name],
      ontonotes + corpora.ace(data) + std.get(replaced, name, {}),
      function(tasks, stacked) experiment.new(
        tasks=std.mapWithKey(as_in_2018, tasks),
        embedding=first_parts(paper, setups[name]),
        levels=stacked(levels.paper),
        validation_metric=validation_metric,
        initializer=levels.paper_initializer(std.objectFields(tasks)),
      )
    ),

  // NER, EMD and CR from GUM, RE from Re-DocRED.
  free(name)::
    local data = env.data('gum/ and redocred/');
    small_corpora(
      name, corpora.gum(data + '/gum') + corpora.redocred(data + '/redocred') { relation+: { batch_size: 8 } }
    ),

  // SciERC as it is published. It has no EMD.
  scierc(name)::
    local data = env.data('train.jsonl, dev.jsonl and test.jsonl of SciERC');
    small_corpora(name, { [task]: corpora.jsonl(data)[task] for task in ['ner', 'relation', 'coref'] }),

  // The paper's heads against those of spans, and an encoder that is fine-tuned: NER, whole mentions (EMD) and CR from GUM,
  // RE from Re-DocRED, whose own mentions are a level of the others.
  heads(name)::
    local data = env.data('gum/ and redocred/');
    local all = corpora.gum(data + '/gum', emd_layer='mentions') + corpora.redocred(data + '/redocred');
    local batch_sizes = { ner: 16, emd: 16, entities: 16, relation: 16, coref: 1 };
    local tasks = std.mapWithKey(function(task, data) data { batch_size: batch_sizes[task] }, all);
    local spans = levels.spans(entities=true);
    local embedding(trained) = embedders.combine([
      embedders.words(),
      embedders.characters(),
      embedders.transformer(env.encoder, train=trained, cache=!trained),
    ]);
    local frozen(tasks, levels) = experiment.new(
      tasks=tasks,
      embedding=embedding(trained=false),
      levels=levels,
      min_count={ tokens: 2 },
      initializer=embedders.learned_words_initializer,
      optimizer={ type: 'adam', lr: 0.003 },
      scheduler={ type: 'warmup_and_decay', warmup: 0.1, shape: 'linear' },
      num_epochs=6,
      patience=null,
    );
    {
      paper: frozen({ [task]: tasks[task] for task in ['ner', 'emd', 'relation', 'coref'] }, levels.shallow()),
      spans: frozen(tasks, spans),
      finetuned: experiment.finetune(
        tasks=tasks,
        embedding=embedding(trained=true),
        levels=spans,
        encoder_lr=0.0001,
        lr=0.003,
        precision='bf16',
        num_epochs=6,
        min_count={ tokens: 2 },
        initializer=embedders.learned_words_initializer,
      ),
    }[name],
}
