// B: NER alone; on SciERC. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').scierc('B')
