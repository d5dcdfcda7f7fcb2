// sluice: an encoder a task, and learned shares between them; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(arrangement='sluice')
