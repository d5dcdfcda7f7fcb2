// What configurations read from the environment. With hmtl each variable is '' where it is unset.
local folder(name, content) =
  local value = std.extVar(name);
  if value == '' then error 'Set the environment variable ' + name + ' to the folder that holds ' + content
  else value;

local choice(name, values) =
  local value = std.extVar(name);
  if value == '' || std.member(values, value) then value
  else error 'The environment variable ' + name + " is '" + value + "'; unset it or choose " + std.join(' or ', values);

{
  data(content):: folder('HMTL_DATA', content),
  // A transformer's name or folder, or '' for none.
  transformer:: std.extVar('HMTL_TRANSFORMER'),
  // The same where an experiment cannot do without.
  encoder::
    if $.transformer == '' then error "Set the environment variable HMTL_TRANSFORMER to an encoder's name or folder"
    else $.transformer,
  glove(content):: folder('HMTL_GLOVE', content),
  elmo(content):: folder('HMTL_ELMO', content),
  // The folder of SICK's files, or '' for none.
  sick:: std.extVar('HMTL_SICK'),
  archive(content):: folder('HMTL_ARCHIVE', content),
  // The name of a preset, or '' for none.
  preset(names):: choice('HMTL_PRESET', names),
}
