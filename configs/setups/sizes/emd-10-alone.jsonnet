// emd-10-alone: EMD alone with 10 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('emd', every=10, alone=true)
