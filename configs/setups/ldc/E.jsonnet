// E: CR alone; on OntoNotes and ACE 2005. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').ldc('E')
