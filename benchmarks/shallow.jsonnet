// The paper's heads on one layer a level, as those of spans have.
local levels = import '../configs/lib/levels.libsonnet';
local measured = import 'measured.libsonnet';

measured.new(levels.shallow())
