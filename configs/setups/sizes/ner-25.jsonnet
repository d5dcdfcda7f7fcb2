// ner-25: all four tasks, NER with 25 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('ner', every=4)
