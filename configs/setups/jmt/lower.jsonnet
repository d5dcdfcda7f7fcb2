// lower: POS, chunks and dependencies of GUM; levels read the labels below, tasks are held near what the one before left. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').jmt()
