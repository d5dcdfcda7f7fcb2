// Where each task's data is, corpus by corpus: { reader, train, validation, test, batch_size }. `document_reader` has what
// the reader of a head with the scope 'document' needs beside.
local splits(train, validation, test) = { train: train, validation: validation, test: test };

local spans(corpus, layer) = {
  reader: { type: 'hmtl_tagging', layer: layer, label_namespace: layer + '_labels', corpus: corpus },
  batch_size: 32,
};
local ner(corpus) = spans(corpus, 'ner');
local emd(corpus) = spans(corpus, 'emd');
local relation(corpus) = { reader: { type: 'hmtl_relation', corpus: corpus }, batch_size: 4 };
// Of each token one label, and its head with the relation to it.
local pos(corpus) = {
  reader: { type: 'hmtl_token_labels', corpus: corpus, layer: 'pos', scheme: 'plain' },
  batch_size: 32,
};
local dependencies(corpus) = { reader: { type: 'hmtl_dependencies', corpus: corpus }, batch_size: 32 };
local labelled(corpus, layer, batch_size=32) = {
  reader: { type: 'hmtl_labels', corpus: corpus, layer: layer },
  batch_size: batch_size,
};
local coref(corpus) = { reader: { type: 'hmtl_coref', corpus: corpus }, batch_size: 1 };

{
  // Documents in the project's own layout: a folder with train.jsonl, dev.jsonl and test.jsonl. `layers` names their layers
  // of spans, each a task, and `mentions` the one that relations join, by default the first of emd and ner that there is;
  // `labels` names layers of labels, of sentences, documents or pairs of texts.
  // With `batch_size` all tasks of sentences have batches of this size.
  jsonl(folder, layers=['ner', 'emd'], mentions=null, batch_size=null, labels=[]):
    local files = splits(folder + '/train.jsonl', folder + '/dev.jsonl', folder + '/test.jsonl');
    local of_sentences = files + if batch_size == null then {} else { batch_size: batch_size };
    { [layer]: spans('jsonl', layer) + of_sentences for layer in layers }
    + { [layer]: labelled('jsonl', layer) + of_sentences for layer in labels } + {
      relation: relation('jsonl') + of_sentences {
        [if mentions != null then 'reader']+: { mention_layer: mentions },
      },
      coref: coref('jsonl') + files,
    },

  // GUM by its lists of documents: entities, mention heads, coreference. Pronouns and common nouns are no named entities.
  // By `emd_layer` 'mentions' EMD has the whole mentions, which nest, in the place of their heads. Beside these three tasks
  // there are `pos`, `chunks` and `dependencies`, which are read with GUM's `const`.
  gum(folder, emd_layer='emd'): {
    local files = splits(folder + '/train.txt', folder + '/dev.txt', folder + '/test.txt'),
    ner: ner('gum') + files,
    emd: spans('gum', emd_layer) { reader+: { label_namespace: 'emd_labels' } } + files,
    coref: coref('gum') + files,
    pos:: pos('gum_layers') + files,
    chunks:: spans('gum_layers', 'chunks') + files,
    dependencies:: dependencies('gum_layers') + files,
  },

  // GUM's types of sentences, and the genres of its documents.
  gum_labels(folder): {
    local files = splits(folder + '/train.txt', folder + '/dev.txt', folder + '/test.txt'),
    s_type: labelled('gum', 's_type') + files,
    genre: labelled('gum', 'genre', batch_size=4) + files,
  },

  // Texts, or pairs of texts, with labels: a task for each of `layers`, from three files of a format that `corpus` names, by
  // default tables, JSON lines or rows as GLUE, SNLI, SICK and their like have them.
  labelled(folder, layers=['label'], files=['train.tsv', 'dev.tsv', 'test.tsv'], corpus='labelled'): {
    [layer]: labelled(corpus, layer) + splits(folder + '/' + files[0], folder + '/' + files[1], folder + '/' + files[2])
    for layer in layers
  },

  // The order of adjacent sentences, from the documents that any other task is read from, such as `corpora.gum(folder).ner`;
  // its head is that of `heads.sentence_order`.
  sentence_order(task)::
    local files = { [split]: task[split] for split in ['train', 'validation', 'test'] };
    { reader: { type: 'hmtl_sentence_order', corpus: task.reader.corpus }, batch_size: 32 } + files,

  // SICK by the names of its files (Marelli et al. 2014): how related two sentences are, and whether the second follows.
  sick(folder):
    $.labelled(folder, ['relatedness', 'entailment'], ['SICK_train.txt', 'SICK_trial.txt', 'SICK_test_annotated.txt']),

  // GUM with its dependencies and constituents, by its lists of documents: parts of speech, chunks, entities, and the phrases
  // that depend on verbs.
  gum_layers(folder): {
    local files = splits(folder + '/train.txt', folder + '/dev.txt', folder + '/test.txt'),
    local corpus = { type: 'gum_layers', arguments: true },
    pos: pos(corpus) + files,
    chunks: spans(corpus, 'chunks') + files,
    ner: ner(corpus) + files,
    arguments: { reader: { type: 'hmtl_predicate_arguments', corpus: corpus, predicate_layer: 'pos' }, batch_size: 32 } + files,
  },

  // Parts of speech and dependencies of any treebank of Universal Dependencies: a folder with train.conllu, dev.conllu and
  // test.conllu.
  conllu(folder):
    local files = splits(folder + '/train.conllu', folder + '/dev.conllu', folder + '/test.conllu');
    { pos: pos('conllu') + files, dependencies: dependencies('conllu') + files },

  // Re-DocRED's 500 development documents, 400/50/50 in file order. Some relation types are too rare for the first 400:
  // they count as missed. `entities` are its mentions with their types, the arguments of its relations.
  redocred(folder): {
    local file = folder + '/dev_revised.json',
    local files = splits(file + '#0:400', file + '#400:450', file + '#450:500'),
    entities: {
      reader: { type: 'hmtl_tagging', layer: 'ner', label_namespace: 'entities_labels', corpus: 'redocred' },
      batch_size: 32,
    } + files,
    relation: relation('redocred') {
      reader+: { allow_unknown_labels: true },
      document_reader:: { corpus: { type: 'redocred', across_sentences: 'keep' } },
    } + files,
  },

  // OntoNotes in the layout of 2018: NER from a tree of files, coreference from one file a split. NER leaves out what
  // `exclude` names, such as ['/pt/'], the New Testament, where no entities are marked.
  ontonotes(folder, exclude=[]): {
    local tree = folder + '/conll-2012/v4/data/',
    local file(split) = folder + '/conll-2012_single_file/' + split + '.english.v4_gold_conll',
    local corpus = if exclude == [] then 'ontonotes' else { type: 'ontonotes', exclude: exclude },
    ner: ner(corpus) + splits(tree + 'train', tree + 'development', tree + 'test'),
    coref: coref('ontonotes') + splits(file('train'), file('dev'), file('test')),
  },

  // ACE 2005 in the layout of 2018: a tree of files for mentions and relations, one file a split for coreference.
  ace(folder): {
    local tree = folder + '/ace2005/',
    local trees = splits(tree + 'train', tree + 'dev', tree + 'test'),
    local file(split) = tree + 'single_file_' + split + '_rahman.gold_conll',
    emd: emd('ace_conll') + trees,
    relation: relation('ace_conll') + trees,
    coref: coref('ace_conll') + splits(file('train'), file('dev'), file('test')),
  },

  // ACE 2005 in the LDC's own files: LDC2006T06 or its data/English. Options are those of the corpus, such as
  // { spans: 'extents' }; it is converted as by `hmtl prepare ace05`.
  ace05(folder, options={}): {
    local corpus = { type: 'ace05' } + options,
    local parts = splits(folder + '#train', folder + '#dev', folder + '#test'),
    emd: emd(corpus) + parts,
    relation: relation(corpus) + parts,
    coref: coref(corpus) + parts,
  },

  // CoNLL-2003 by the names of its files.
  conll2003(folder): {
    ner: ner('conll2003') + splits(folder + '/eng.train', folder + '/eng.testa', folder + '/eng.testb'),
  },

  // WNUT-17 by the names of its files.
  wnut17(folder): {
    ner: ner('conll2003')
         + splits(folder + '/wnut17train.conll', folder + '/emerging.dev.conll', folder + '/emerging.test.annotated'),
  },

  // One task of several that are asked as questions: an entry for each, by a name of one's choice, with the `source` of
  // its questions, such as { type: 'spans', corpus: 'gum', layer: 'ner', questions: { person: 'Which spans name a person?' } },
  // and its `train`, `validation` and `test`. A split that is null is not read. `questions.libsonnet` has some.
  questions(sources, batch_size=16)::
    local paths(split) = std.manifestJsonMinified(std.prune({ [name]: sources[name][split] for name in std.objectFields(sources) }));
    {
      reader: {
        type: 'hmtl_questions',
        sources: { [name]: sources[name].source for name in std.objectFields(sources) },
      },
      batch_size: batch_size,
    } + splits(paths('train'), paths('validation'), paths('test')),

  // One task of several corpora whose labels are texts: an entry for each, by a name of one's choice, such as
  // { gum: corpora.gum(folder).emd, wnut17: corpora.wnut17(folder).ner }. In `reader+` an entry may have `label_texts`, what
  // its labels are called, and `exclude_labels`, those to leave out. A split that is null is not read.
  text_labels(corpora)::
    local options = ['corpus', 'layer', 'label_texts', 'exclude_labels'];
    local of_reader(reader) = { [option]: reader[option] for option in options if std.objectHas(reader, option) };
    local paths(split) = std.manifestJsonMinified(std.prune({ [name]: corpora[name][split] for name in std.objectFields(corpora) }));
    {
      reader: {
        type: 'hmtl_text_label_spans',
        corpora: { [name]: of_reader(corpora[name].reader) for name in std.objectFields(corpora) },
      },
      batch_size: 32,
    } + splits(paths('train'), paths('validation'), paths('test')),
}
