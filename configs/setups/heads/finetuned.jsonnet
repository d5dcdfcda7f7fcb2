// finetuned: heads of spans straight on an encoder that is fine-tuned; on GUM and Re-DocRED. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').heads('finetuned')
