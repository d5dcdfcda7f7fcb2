"""What a frozen encoder says about a sentence, computed once: kept in memory, or on disk for all later runs.

On disk each encoder has an LMDB environment whose values are raw arrays, read through the memory map: readers never
wait, writers of several processes take turns, and a transaction that a kill or a power cut interrupts leaves no trace.
Nothing stored is ever replaced or evicted, so that a recovered run reads the very bits that it read before; where the
folder is full, further sentences are computed each time, and a warning says so.

**What is equal to what.** Vectors are computed in float32, whatever the precision of training. Kept as `fp32` they are
those of the encoder itself: bitwise for a batch whose sentences are all new and different, to about 1e-6 else, as the
last bits depend on the sentences that are computed together. `fp16` rounds each number by at most 2^-11 of it, `bf16`
by 2^-8, for half the space. A sentence is stored before it is first used, and the process that stores it first decides
for all: for as long as the folder is neither full nor cleared, all runs read the same bits, in whatever order and
however often they are killed.

**When.** A model reads and fills its caches from its first forward pass in training mode on. Before that, as when an
archive predicts, it computes; the folder is neither needed nor made. Weights of an archive hold no vectors.

A folder belongs to one machine, or to one node of a cluster: LMDB's locks do not reach over a network file system.
"""

from hmtl.modules.embedding_cache.cache import CacheSettings, EmbeddingCache, FrozenEncoder, cache_of, mixed_layers
from hmtl.modules.embedding_cache.fill import caching_encoders, fill
from hmtl.modules.embedding_cache.folder import CacheEntry, clear, default_directory, entries
