// E-GM: CR alone, of gold mentions; on SciERC. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').scierc('E-GM')
