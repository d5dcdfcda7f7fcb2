// by-validation: setup A, tasks drawn by what they fall short in validation; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(sampler={ type: 'by_validation' })
