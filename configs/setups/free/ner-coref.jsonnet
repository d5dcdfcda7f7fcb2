// ner-coref: NER and CR; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').free('ner-coref')
