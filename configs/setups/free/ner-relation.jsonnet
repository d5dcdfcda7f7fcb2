// ner-relation: NER and RE; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').free('ner-relation')
