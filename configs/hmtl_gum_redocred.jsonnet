// The four-task hierarchy on free corpora: NER, EMD and CR from GUM, RE from Re-DocRED.
//   HMTL_DATA         the folder that holds gum/ and redocred/
//   HMTL_TRANSFORMER  a frozen encoder's name or folder; without it, words and characters are learned alone
(import 'lib/setups.libsonnet').free('A')
