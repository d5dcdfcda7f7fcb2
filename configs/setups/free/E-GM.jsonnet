// E-GM: CR alone, of gold mentions; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').free('E-GM')
