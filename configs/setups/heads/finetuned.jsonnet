// finetuned: heads of spans, and the encoder fine-tuned; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').heads('finetuned')
