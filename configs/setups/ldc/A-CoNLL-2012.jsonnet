// A-CoNLL-2012: all four tasks, CR from CoNLL-2012; on OntoNotes and ACE 2005. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').ldc('A-CoNLL-2012')
