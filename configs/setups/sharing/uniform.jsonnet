// uniform: setup A, every task drawn equally often; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(sampler='uniform')
