// emd-25-alone: EMD alone with 25 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('emd', every=4, alone=true)
