// ner-50-alone: NER alone with 50 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('ner', every=2, alone=true)
