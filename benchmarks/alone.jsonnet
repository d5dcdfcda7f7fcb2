// The paper's levels of NER and CR, neither of which reads another: what a model of one task has.
local levels = import '../configs/lib/levels.libsonnet';
local measured = import 'measured.libsonnet';

measured.new({ [task]: levels.paper()[task] { reads: [] } for task in ['ner', 'coref'] })
