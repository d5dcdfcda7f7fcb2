// Parts of the shared embedding. Each has token indexers and token embedders under one name;
// `combine` puts any of them together. Sizes are computed from the parts.
//
// Frozen encoders take `cache`: with `true` each sentence is computed once and kept on disk, for this run and all others
// (`hmtl cache` inspects, fills and clears it). An object says more: { dtype: 'fp16' } halves the space ('fp32', 'fp16',
// 'bf16'), { gib: 50 } bounds the folder, { directory: '...' } names it. By default it is $HMTL_CACHE/embeddings, or
// hmtl/embeddings in the user's folder for caches.
local cached(cache) = if cache == false then {} else { cache: cache };

{
  // Word vectors: learned, or fine-tuned from a file in GloVe's text format.
  words(dim=100, pretrained_file=null, trainable=true): {
    indexers: { tokens: { type: 'single_id', namespace: 'tokens', lowercase_tokens: true } },
    embedders: {
      tokens: {
        type: 'embedding',
        vocab_namespace: 'tokens',
        embedding_dim: dim,
        trainable: trainable,
        [if pretrained_file != null then 'pretrained_file']: pretrained_file,
      },
    },
  },

  // For vectors that are learned from nothing: of the size of pretrained ones, so that the levels see words from the start.
  learned_words_initializer: {
    regexes: [['token_embedder_tokens.weight', { type: 'normal', mean: 0.0, std: 0.5 }]],
  },

  // A convolution over each word's characters.
  characters(dim=16, num_filters=64, ngram_size=3, dropout=0.0): {
    indexers: { token_characters: { type: 'characters', min_padding_length: ngram_size } },
    embedders: {
      token_characters: {
        type: 'hmtl_character_encoding',
        embedding: { embedding_dim: dim, vocab_namespace: 'token_characters' },
        encoder: {
          type: 'cnn',
          embedding_dim: dim,
          num_filters: num_filters,
          ngram_filter_sizes: [ngram_size],
        },
        dropout: dropout,
      },
    },
  },

  // ELMo from local files or addresses: frozen, its scalar mix trained.
  elmo(options_file, weight_file, dropout=0.0, cache=false): {
    indexers: { elmo: { type: 'elmo_characters' } },
    embedders: {
      elmo: {
        type: 'hmtl_elmo',
        options_file: options_file,
        weight_file: weight_file,
        do_layer_norm: false,
        dropout: dropout,
      } + cached(cache),
    },
  },

  // Any encoder of the transformers library, by its name on the hub or its folder. Frozen, it runs without dropout and a
  // trained scalar mix weighs its layers; trained, its last layer is used, or, by `layers='mix'`, that mix ('last' is the
  // other choice). `adapters`, such as `lora()`, are trained in the place of its own weights.
  // A text of more than `max_length` word pieces is read in parts, of which each repeats the last `stride` pieces of the
  // one before. `cache_gib` is the memory in which a frozen one keeps the vectors of sentences that it has seen, where
  // `cache` does not keep them on disk; `gradient_checkpointing` makes the training of one need less memory and more
  // time; `compile` runs it faster once the first batches have waited for a compiler. `attn_implementation` names the
  // attention of transformers that computes it ('eager', 'sdpa', 'flash_attention_2'), and `sub_module` the part of it
  // that is used: 'encoder' where there is a decoder, too, as in BART.
  transformer(
    model_name,
    train=false,
    layers=null,
    adapters=null,
    max_length=512,
    stride=0,
    cache_gib=0.0,
    gradient_checkpointing=false,
    compile=false,
    cache=false,
    attn_implementation=null,
    sub_module=null,
  ): {
    indexers: {
      transformer: {
        type: 'hmtl_transformer',
        model_name: model_name,
        max_length: max_length,
        [if stride != 0 then 'stride']: stride,
      },
    },
    embedders: {
      transformer: {
        type: 'hmtl_transformer',
        model_name: model_name,
        max_length: max_length,
        train_parameters: train,
        [if layers != null then 'last_layer_only']: {
          last: true,
          mix: false,
        }[layers],
        [if adapters != null then 'adapters']: adapters,
        cache_gib: cache_gib,
        gradient_checkpointing: gradient_checkpointing,
        compile: compile,
        [if attn_implementation != null then 'attn_implementation']: attn_implementation,
        [if sub_module != null then 'sub_module']: sub_module,
      } + cached(cache),
    },
  },

  // LoRA (Hu et al. 2022), for `transformer` (extra `adapters`): matrices of rank `rank` beside those of all linear layers,
  // or of those that `target_modules` names as peft does. With `tasks`, all of the experiment, each has its own, and reads
  // the text by itself; without, they share one. `options` are others of peft's LoraConfig.
  lora(rank=8, alpha=16, dropout=0.1, target_modules='all-linear', tasks=null, options={}): {
    kind: 'LORA',
    [if tasks != null then 'tasks']: tasks,
    options: { r: rank, lora_alpha: alpha, lora_dropout: dropout, target_modules: target_modules } + options,
  },

  combine(parts): {
    token_indexers: std.foldl(function(all, part) all + part.indexers, parts, {}),
    text_field_embedder: {
      token_embedders: std.foldl(function(all, part) all + part.embedders, parts, {}),
    },
  },
}
