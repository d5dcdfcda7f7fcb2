// Heads of spans, and of relations between these.
local levels = import '../configs/lib/levels.libsonnet';
local measured = import 'measured.libsonnet';

measured.new(levels.spans())
