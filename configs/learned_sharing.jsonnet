// The quickstart's tasks without a hierarchy: an encoder each, and what they share is learned.
local levels = import 'lib/levels.libsonnet';

local shared_encoder = levels.cross_stitch(num_layers=2);  // or levels.sluice(num_layers=2)

(import 'quickstart.jsonnet') {
  model+: { levels: levels.sharing(super.levels), shared_encoder: shared_encoder },
}
