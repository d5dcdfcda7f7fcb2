// power: setup A, tasks drawn by the root of their batches; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(sampler={ type: 'power', alpha: 0.5 })
