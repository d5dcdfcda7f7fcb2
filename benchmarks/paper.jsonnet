// The paper's model as the 2018 implementation was measured.
local levels = import '../configs/lib/levels.libsonnet';
local measured = import 'measured.libsonnet';

measured.new(levels.paper())
