// coref-10-alone: CR alone with 10 % of its training documents; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').sizes('coref', every=10, alone=true)
