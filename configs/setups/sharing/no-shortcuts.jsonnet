// no-shortcuts: setup A, the lowest level alone reads the embedding; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(arrangement='without_short_cuts')
