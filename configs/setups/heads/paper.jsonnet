// paper: the paper's heads on a frozen encoder; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').heads('paper')
