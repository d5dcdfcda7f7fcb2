// lower-neither: POS, chunks and dependencies of GUM; no labels are read, and tasks are not held near what the one before left. The environment variables are in lib/setups.libsonnet.
(import '../../lib/setups.libsonnet').jmt(label_embeddings=false, regularisation=false)
