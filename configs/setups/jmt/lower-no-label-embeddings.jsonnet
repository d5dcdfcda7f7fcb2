// lower-no-label-embeddings: POS, chunks and dependencies of GUM; no labels are read. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').jmt(label_embeddings=false)
