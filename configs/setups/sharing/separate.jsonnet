// separate: an encoder a task that reads no other; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sharing(arrangement='separate')
