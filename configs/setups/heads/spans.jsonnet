// spans: heads of spans on a frozen encoder; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').heads('spans')
