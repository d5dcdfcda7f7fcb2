// Which tasks help each other? Two of ten tasks of one label a token, on one shared BiLSTM; name any others of
// lib/task_relations.libsonnet, one or several. `python -m research.task_relations run` trains each alone and all pairs.
//   HMTL_DATA  the folder that holds gum/ (dep, coref, const and the lists of documents), streusle/ and wnut17/
local env = import 'lib/environment.libsonnet';
local relations = import 'lib/task_relations.libsonnet';

local tasks = relations.free(env.data('gum/, streusle/ and wnut17/'));

relations.run({ chunks: tasks.chunks, mwe: tasks.mwe })
