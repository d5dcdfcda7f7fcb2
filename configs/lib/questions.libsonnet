// Tasks as questions: sources of `corpora.questions`, each with the paths of its data. Questions are about `window`
// sentences at a time, of which the next begin `step` sentences later.
local splits(train, validation, test) = { train: train, validation: validation, test: test };

// The types of GUM in words.
local gum_types = {
  abstract: 'an abstract thing',
  animal: 'an animal',
  event: 'an event',
  object: 'an object',
  organization: 'an organization',
  person: 'a person',
  place: 'a place',
  plant: 'a plant',
  substance: 'a substance',
  time: 'a time',
};

// The properties of Wikidata that Re-DocRED's relations are, by their labels there.
local wikidata = {
  P6: 'head of government', P17: 'country', P19: 'place of birth', P20: 'place of death', P22: 'father', P25: 'mother',
  P26: 'spouse', P27: 'country of citizenship', P30: 'continent', P31: 'instance of', P35: 'head of state', P36: 'capital',
  P37: 'official language', P39: 'position held', P40: 'child', P50: 'author', P54: 'member of sports team',
  P57: 'director', P58: 'screenwriter', P69: 'educated at', P86: 'composer', P102: 'member of political party',
  P108: 'employer', P112: 'founded by', P118: 'league', P123: 'publisher', P127: 'owned by',
  P131: 'located in the administrative territorial entity', P136: 'genre', P137: 'operator', P140: 'religion',
  P150: 'contains administrative territorial entity', P155: 'follows', P156: 'followed by', P159: 'headquarters location',
  P161: 'cast member', P162: 'producer', P166: 'award received', P170: 'creator', P171: 'parent taxon',
  P172: 'ethnic group', P175: 'performer', P176: 'manufacturer', P178: 'developer', P179: 'series', P190: 'sister city',
  P194: 'legislative body', P205: 'basin country', P206: 'located in or next to body of water', P241: 'military branch',
  P264: 'record label', P272: 'production company', P276: 'location', P279: 'subclass of', P355: 'subsidiary',
  P361: 'part of', P364: 'original language of work', P400: 'platform', P403: 'mouth of the watercourse',
  P449: 'original network', P463: 'member of', P488: 'chairperson', P495: 'country of origin', P527: 'has part',
  P551: 'residence', P569: 'date of birth', P570: 'date of death', P571: 'inception', P576: 'dissolved or abolished',
  P577: 'publication date', P580: 'start time', P582: 'end time', P585: 'point in time', P607: 'conflict',
  P674: 'characters', P676: 'lyrics by', P706: 'located on terrain feature', P710: 'participant', P737: 'influenced by',
  P740: 'location of formation', P749: 'parent organization', P800: 'notable work', P807: 'separated from',
  P840: 'narrative location', P937: 'work location', P1001: 'applies to jurisdiction',
  P1056: 'product or material produced', P1198: 'unemployment rate', P1336: 'territory claimed by',
  P1344: 'participant of', P1365: 'replaces', P1366: 'replaced by', P1376: 'capital of',
  P1412: 'language spoken, written or signed', P1441: 'present in work', P3373: 'sibling',
};

{
  // A question for each label of a layer of spans. With `one_label` a span counts for the likeliest of them alone.
  spans(corpus, layer, questions, window=3, one_label=true): {
    source: {
      type: 'spans',
      corpus: corpus,
      layer: layer,
      questions: questions,
      window: window,
      one_label: one_label,
    },
  },

  // A question for each label of relations and each span of the layer `heads`, their first arguments, which are given.
  relations(corpus, heads, questions, window=1): {
    source: { type: 'relations', corpus: corpus, heads: heads, questions: questions, window: window },
  },

  // A question for each span of the layer `heads`, by default the mentions of clusters, which other spans mean the same.
  clusters(corpus, question='Which other spans mean the same?', heads=null, window=8, step=4): {
    source: {
      type: 'clusters',
      corpus: corpus,
      question: question,
      [if heads != null then 'heads']: heads,
      window: window,
      [if window != null then 'step']: step,
    },
  },

  // The questions of SQuAD, or of data in its layout. Without `unanswerable`, that of version 1.1, each has an answer.
  squad(unanswerable=true): {
    source: { type: 'texts', corpus: 'squad', unanswerable: unanswerable },
  },

  // GUM by its lists of documents: names, whole mentions, which nest, and coreference, asked about all mentions.
  gum(folder): {
    local files = splits(folder + '/train.txt', folder + '/dev.txt', folder + '/test.txt'),
    local typed(template) = { [label]: template % gum_types[label] for label in std.objectFields(gum_types) },
    ner: $.spans('gum', 'ner', typed('Which spans name %s?')) + files,
    emd: $.spans('gum', 'mentions', typed('Which spans mention %s?')) + files,
    coref: $.clusters('gum', heads='mentions') + files,
  },

  // Re-DocRED's 500 development documents, as `corpora.redocred` divides them: its mentions, and its relations within
  // sentences, asked about all mentions.
  redocred(folder): {
    local file = folder + '/dev_revised.json',
    local files = splits(file + '#0:400', file + '#400:450', file + '#450:500'),
    entities: $.spans('redocred', 'ner', {
      LOC: 'Which spans are names of locations?',
      MISC: 'Which spans are names of works, events or other things?',
      NUM: 'Which spans are numbers?',
      ORG: 'Which spans are names of organizations?',
      PER: 'Which spans are names of people?',
      TIME: 'Which spans are dates or times?',
    }) + files,
    relation: $.relations(
      'redocred', 'ner', { [label]: 'What is its %s?' % wikidata[label] for label in std.objectFields(wikidata) }
    ) + files,
  },
}
