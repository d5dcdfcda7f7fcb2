// labels: setup A, levels also read the labels predicted below; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(arrangement='label_embeddings')
