// A-CoNLL-2003: all four tasks, NER from CoNLL-2003; on OntoNotes and ACE 2005. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').ldc('A-CoNLL-2003')
