// A-GM without a transformer: words and characters; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').free('A-GM-without-encoder')
