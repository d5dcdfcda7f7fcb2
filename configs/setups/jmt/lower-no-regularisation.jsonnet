// lower-no-regularisation: POS, chunks and dependencies of GUM; tasks are not held near what the one before left. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').jmt(regularisation=false)
