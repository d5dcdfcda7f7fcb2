// relation-10: all four tasks, RE with 10 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('relation', every=10)
