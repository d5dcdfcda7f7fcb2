// The quickstart's tasks without a hierarchy: one encoder for all of them.
local levels = import 'lib/levels.libsonnet';

(import 'quickstart.jsonnet') {
  model+: { levels: levels.sharing(super.levels), shared_encoder: levels.hard_sharing(num_layers=2) },
}
