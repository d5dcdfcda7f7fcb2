"""What processes of the tests do with one cache: this file is run by them."""

import os
import sys
from pathlib import Path
from typing import Dict, List

import torch
from allennlp.modules.elmo import batch_to_ids

from hmtl.modules import ElmoEmbedder
from hmtl.modules.embedding_cache import CacheSettings

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "to", "Paris", "."]


def sentences(seed: int, count: int) -> List[List[str]]:
    generator = torch.Generator().manual_seed(seed)

    def number(limit: int) -> int:
        return int(torch.randint(limit, (1,), generator=generator))

    return [[WORDS[number(len(WORDS))] for _ in range(1 + number(9))] for _ in range(count)]


def embedder(files: Dict[str, str], directory: Path, **settings: object) -> ElmoEmbedder:
    return ElmoEmbedder(
        options_file=files["options"],
        weight_file=files["weights"],
        dropout=0.0,
        cache=CacheSettings(directory=str(directory), **settings),  # type: ignore[arg-type]
    )


def main(options: str, weights: str, directory: str, first: str, count: str) -> None:
    """Embeds `count` batches and prints a number once each is stored."""
    model = embedder({"options": options, "weights": weights}, Path(directory))
    torch.set_num_threads(1)
    for seed in range(int(first), int(first) + int(count)):
        model(batch_to_ids(sentences(seed, 6)))
        print(seed, flush=True)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
