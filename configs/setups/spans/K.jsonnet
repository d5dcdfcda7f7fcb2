// K: NER and EMD, with EMD below NER, heads of spans; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').spans('K')
