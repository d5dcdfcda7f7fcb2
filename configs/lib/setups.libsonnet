// The setups of the paper (HMTL section 4), on three sets of corpora. Setups differ in the tasks that are trained and
// in how their levels are stacked; everything else is theirs in common. Those of `jmt` are of another model.
//   HMTL_DATA         ldc: the folder that holds conll-2012/, ace2005/, conll-2012_single_file/ (for A-CoNLL-2012) and
//                     conll2003/ (for A-CoNLL-2003); scierc: train, dev and test.jsonl; free, spans, sizes, sharing,
//                     heads: gum/ and redocred/; jmt: gum/
//   HMTL_GLOVE        ldc: the folder that holds glove.6B.100d.txt
//   HMTL_ELMO         ldc: the folder that holds elmo_options.json and elmo_weights.hdf5
//   HMTL_TRANSFORMER  free, spans, sizes, sharing, scierc, jmt: a frozen encoder's name or folder; unset, words and characters
//                     are learned alone; heads: an encoder's name or folder
//   HMTL_PRESET       unset: the paper's hyper-parameters (but for ldc those for small corpora); fast: minutes on two
//                     cores; faithful: with the flaws of the 2018 implementation
local corpora = import 'corpora.libsonnet';
local embedders = import 'embedders.libsonnet';
local env = import 'environment.libsonnet';
local experiment = import 'experiment.libsonnet';
local jmt = import 'jmt.libsonnet';
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
  // The other subsets of the four tasks, which the paper does not have.
  'ner-relation': setup(['ner', 'relation']),
  'ner-coref': setup(['ner', 'coref']),
  'relation-coref': setup(['relation', 'coref']),
  'ner-relation-coref': setup(['ner', 'relation', 'coref']),
  'emd-relation-coref': setup(['emd', 'relation', 'coref']),
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

// An experiment on small corpora: words are learned from them.
local on_small_corpora(setup, tasks, levels, sampler='proportional', shared_encoder=null) =
  local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache=true)];
  experiment.new(
    tasks=tasks,
    embedding=first_parts([embedders.words(), embedders.characters()] + contextual, setup),
    levels=levels,
    shared_encoder=shared_encoder,
    sampler=sampler,
    min_count={ tokens: 2 },
    initializer=embedders.learned_words_initializer,
    optimizer={ type: 'adam', lr: 0.003 },
    scheduler={ type: 'reduce_on_plateau', mode: 'max', factor: 0.5, patience: 1 },
    num_epochs=12,
    patience=4,
    validation_metric=validation_metric,
  );

local small_corpora(setup, corpora) =
  of_setup(setup, corpora, function(tasks, stacked) on_small_corpora(setup, tasks, stacked(levels.shallow)));

// GUM and Re-DocRED, as the setups `free`, `spans`, `sizes` and `sharing` have them.
local gum_and_redocred =
  local data = env.data('gum/ and redocred/');
  corpora.gum(data + '/gum') + corpora.redocred(data + '/redocred') { relation+: { batch_size: 8 } };

// The paper's heads in another arrangement of their encoders than the hierarchy. RE has the spans of EMD, in all of them.
local arrangements = {
  local hierarchy = levels.shallow(),
  local spans_of_emd = { relation+: { reads_labels: ['emd'] } },
  hierarchy: { levels: hierarchy },
  without_short_cuts: { levels: levels.without_short_cuts(hierarchy) },
  label_embeddings: { levels: levels.with_label_embeddings(hierarchy) },
  // One encoder for all tasks.
  hard: {
    levels: levels.sharing(hierarchy) + spans_of_emd,
    shared_encoder: levels.hard_sharing(num_layers=3, hidden_size=128),
  },
  // An encoder a task, and learned shares between them.
  sluice: {
    levels: levels.sharing(hierarchy) + spans_of_emd,
    shared_encoder: levels.sluice(num_layers=2, hidden_size=58),
  },
  // An encoder a task that reads no other; the embedding alone is shared.
  separate: { levels: std.mapWithKey(function(task, level) level { reads: [] }, hierarchy) + spans_of_emd },
};

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
  free(name):: small_corpora(setups[name], gum_and_redocred),

  // The same with heads of spans: RE relates the mentions of its own corpus, which are a level of their own.
  spans(name)::
    local setup = setups[name];
    local has_relations = std.member(setup.tasks, 'relation');
    of_setup(setup, gum_and_redocred, function(tasks, stacked)
      local stack = stacked(function(gold_mentions) levels.spans(gold_mentions));
      on_small_corpora(
        setup,
        tasks + if has_relations then { entities: gum_and_redocred.entities } else {},
        if has_relations then stack { relation+: { reads: ['entities'] }, entities: levels.spans(entities=true).entities { reads: stack.relation.reads } }
        else stack,
      )),

  // All tasks, or `task` alone, with one in `every` training documents of `task`: the others keep theirs. Each task has as
  // many updates as with all of its documents.
  sizes(task, every, alone=false)::
    local updates = { ner: 232, emd: 232, relation: 417, coref: 84 };
    local train = gum_and_redocred[task].train;
    local part = train + (if std.endsWith(train, '.txt') then '#::' else ':') + every;
    local setup = if alone then setups[{ ner: 'B', emd: 'C', relation: 'D', coref: 'E' }[task]] else setups.A;
    local weights = { [of]: updates[of] for of in setup.tasks };
    local sampler = { type: 'weights', weights: weights, num_updates: std.sum(std.objectValues(weights)) };
    small_corpora(setup, gum_and_redocred { [task]+: { train: part } }) { trainer+: { sampler: sampler } },

  // Setup A with another sampler or another arrangement of its encoders, of as many parameters as `fast` gives A's.
  sharing(arrangement='hierarchy', sampler='proportional')::
    local arranged = { shared_encoder: null } + arrangements[arrangement];
    local tasks = { [task]: gum_and_redocred[task] for task in all };
    presets.apply(on_small_corpora(setups.A, tasks, arranged.levels, sampler, arranged.shared_encoder)) {
      [if arrangement == 'separate' then 'model']+: {
        levels: std.mapWithKey(function(task, level) level { encoder+: { hidden_size: 73 } }, super.levels),
      },
    },

  // The lower three levels of the joint many-task model (Hashimoto et al. 2017) on GUM, without the labels that are read, or
  // without what holds a task near the one before it.
  jmt(label_embeddings=true, regularisation=true)::
    local contextual = if env.transformer == '' then [] else [embedders.transformer(env.transformer, cache=true)];
    jmt.new(
      tasks=corpora.gum(env.data('gum/') + '/gum'),
      embedding=embedders.combine([embedders.words(), embedders.characters()] + contextual),
      label_embeddings=label_embeddings,
      regularisation=regularisation,
      num_epochs=5,
      initializer=embedders.learned_words_initializer,
    ),

  // SciERC as it is published. It has no EMD.
  scierc(name)::
    local data = env.data('train.jsonl, dev.jsonl and test.jsonl of SciERC');
    small_corpora(setups[name], { [task]: corpora.jsonl(data)[task] for task in ['ner', 'relation', 'coref'] }),

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
