// The quickstart, started from a trained one and taught other labels: its NER level learns the types of mentions.
//
//   HMTL_ARCHIVE  the run to start from, such as runs/quickstart, or a model.tar.gz
//
// All weights are taken but those of the NER head, whose labels are others; the run's finetuning.json says so. Another
// corpus is another experiment, made with the archive's embedding and levels.
local env = import 'lib/environment.libsonnet';
local experiment = import 'lib/experiment.libsonnet';

(import 'quickstart.jsonnet')
+ experiment.from_archive(env.archive('a trained run'), freeze=['embedding'])
+ {
  dataset_reader+: { readers+: { ner+: { layer: 'emd' } } },
  trainer+: { num_epochs: 4 },
}
