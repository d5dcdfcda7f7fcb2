#!/usr/bin/env python
"""NER updates with a frozen embedder of ELMo's size: computed each time, computed and kept, and read from the cache.

    python benchmarks/frozen.py --corpus DIR [--quick] [--dtype fp16] [--output FILE] [--profile]

DIR is the corpus of `run.py`. The weights are random, of the sizes of Peters et al. (2018): two layers of 4096 cells
and 512 projections in both directions over a character CNN. In 2018 every update computed the vectors anew.
"""

import argparse
import json
import os
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any, Dict, List, cast

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import h5py  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402
from allennlp.data import Vocabulary  # noqa: E402
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder  # noqa: E402
from allennlp.training import Trainer  # noqa: E402
from calibration import Meter  # noqa: E402
from phases import Experiment, Result, parts_timed, peak_gb, update  # noqa: E402

from hmtl.modules import ElmoEmbedder  # noqa: E402
from hmtl.modules.embedding_cache import entries  # noqa: E402
from hmtl.training.trainer import MultiTaskTrainer  # noqa: E402

TASK = "ner"
ROUNDS, QUICK_ROUNDS = 5, 2
# Batches in a round, evenly spread over the lengths of sentences. Each costs seconds to compute.
UPDATES = 4
# Passes over them once they are kept, which cost little.
LATER_PASSES = 3
FIGURE_OF_2018 = 54.5
PROJECTION, CELLS, CHARACTER_DIM = 512, 4096, 16
FILTERS = [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512], [7, 1024]]


def write_elmo(folder: Path) -> Dict[str, str]:
    """Options and random weights in the layout of the published files."""
    convolved = sum(count for _, count in FILTERS)
    generator = numpy.random.default_rng(0)

    def weights(*shape: int) -> numpy.ndarray:
        # Small, as trained ones are: activations neither vanish nor hit their bounds.
        return (generator.standard_normal(shape, dtype="float32") / numpy.sqrt(shape[0])).astype("float32")

    characters: Dict[str, Any] = {"activation": "relu", "max_characters_per_token": 50, "n_characters": 262}
    characters.update(n_highway=2, filters=FILTERS, embedding={"dim": CHARACTER_DIM})
    lstm = {"use_skip_connections": True, "projection_dim": PROJECTION, "dim": CELLS, "n_layers": 2}
    lstm.update(cell_clip=3, proj_clip=3)
    (folder / "options.json").write_text(json.dumps({"lstm": lstm, "char_cnn": characters}))
    with h5py.File(folder / "weights.hdf5", "w") as file:
        file["char_embed"] = weights(261, CHARACTER_DIM)
        for number, (width, count) in enumerate(FILTERS):
            file[f"CNN/W_cnn_{number}"] = weights(1, width, CHARACTER_DIM, count)
            file[f"CNN/b_cnn_{number}"] = weights(count)
        for number in range(2):
            for name in ("transform", "carry"):
                file[f"CNN_high_{number}/W_{name}"] = weights(convolved, convolved)
                file[f"CNN_high_{number}/b_{name}"] = weights(convolved)
        file["CNN_proj/W_proj"], file["CNN_proj/b_proj"] = weights(convolved, PROJECTION), weights(PROJECTION)
        for direction in range(2):
            for layer in range(2):
                place = f"RNN_{direction}/RNN/MultiRNNCell/Cell{layer}/LSTMCell"
                file[f"{place}/W_0"] = weights(2 * PROJECTION, 4 * CELLS)
                file[f"{place}/B"], file[f"{place}/W_P_0"] = weights(4 * CELLS), weights(CELLS, PROJECTION)
    return {"options_file": str(folder / "options.json"), "weight_file": str(folder / "weights.hdf5")}


class FrozenExperiment(Experiment):
    """The paper's NER alone, with ELMo beside words and characters."""

    def __init__(self, corpus: Path, directory: Path, dtype: str) -> None:
        super().__init__(corpus, directory)
        self.cache = directory / "cache"
        params = self.params
        for section in ("train_data_path", "validation_data_path"):
            params[section] = {TASK: params[section][TASK]}
        reader = params["dataset_reader"]["readers"][TASK]
        reader["token_indexers"]["elmo"] = {"type": "elmo_characters"}
        params["dataset_reader"]["readers"] = {TASK: reader}
        params["data_loader"]["batch_size"] = {TASK: params["data_loader"]["batch_size"][TASK]}
        params["model"]["levels"] = {TASK: params["model"]["levels"][TASK]}
        cache = {"directory": str(self.cache), "dtype": dtype}
        elmo = {"type": "hmtl_elmo", "dropout": 0.0, "cache": cache, **write_elmo(directory)}
        params["model"]["text_field_embedder"]["token_embedders"]["elmo"] = elmo

    def trainer(self) -> MultiTaskTrainer:
        if not self.vocabulary.exists():
            instances = self.loader("train", [TASK]).iter_instances()
            vocabulary = Vocabulary.from_params(self.params_of("vocabulary"), instances=instances)
            vocabulary.save_to_files(str(self.vocabulary))
        model, train = self.model(), self.loader("train", [TASK])
        train.index_with(model.vocab)
        arguments: Dict[str, Any] = {
            "model": model,
            "data_loader": train,
            "serialization_dir": str(self.directory),
            "cuda_device": -1,
        }
        trainer = Trainer.from_params(self.params_of("trainer"), **arguments)
        assert isinstance(trainer, MultiTaskTrainer)
        return trainer


def frozen(corpus: Path, directory: Path, rounds: int, dtype: str = "fp32") -> Result:
    """Updates of each kind; no batch occurs in two rounds."""
    experiment, meter = FrozenExperiment(corpus, directory, dtype), Meter()
    trainer = experiment.trainer()
    trainer.model.train()
    embedder = elmo_of(trainer)
    cache = embedder.cache
    tokens = 0
    for number in range(rounds):
        batches = batches_in_round(trainer, number, rounds)
        tokens += sum(int((batch["text"]["tokens"]["tokens"] != 0).sum()) for batch in batches)
        with meter.round():
            embedder.cache = None
            with meter.time("update, computed each time"):
                update(trainer, TASK, batches[0])
            embedder.cache = cache
            with meter.time("update, first epoch", len(batches)):
                for batch in batches:
                    update(trainer, TASK, batch)
            count = LATER_PASSES * len(batches)
            with parts_timed(meter, trainer, TASK, count):
                for batch in batches * LATER_PASSES:
                    with meter.time("update, later epochs", count):
                        update(trainer, TASK, batch)
            with meter.time("reading and mixing", count):
                for batch in batches * LATER_PASSES:
                    embedder(**batch["text"]["elmo"]).backward(torch.ones(()).expand(shape_of(embedder, batch)))
    (entry,) = entries(experiment.cache)
    numbers = {
        "tokens in an update": tokens / (rounds * UPDATES),
        "sentences kept": entry.num_sentences,
        "MB of cache": entry.num_bytes / 1e6,
    }
    return Result(dict(meter.readings), {"updates with a frozen embedder": peak_gb()}, numbers)


def elmo_of(trainer: MultiTaskTrainer) -> ElmoEmbedder:
    embedder = cast(BasicTextFieldEmbedder, trainer.model.text_field_embedder)
    return cast(ElmoEmbedder, embedder._token_embedders["elmo"])


def shape_of(embedder: ElmoEmbedder, batch: Dict[str, Any]) -> torch.Size:
    tokens = batch["text"]["elmo"]["elmo_tokens"]
    return torch.Size([*tokens.shape[:2], embedder.get_output_dim()])


def batches_in_round(trainer: MultiTaskTrainer, number: int, rounds: int) -> List[Dict[str, Any]]:
    """Batches of all lengths, others in each round; one of medium length comes first."""
    loader = trainer.data_loader
    stride = max(1, len(loader) // UPDATES)
    found = list(islice(loader, int(stride * (number + 0.5) / rounds), None, stride))[:UPDATES]
    return [found[len(found) // 2], *found[: len(found) // 2], *found[len(found) // 2 + 1 :]]


def profile(corpus: Path, directory: Path, dtype: str) -> str:
    """torch.profiler's table of updates whose vectors are in the cache."""
    trainer = FrozenExperiment(corpus, directory, dtype).trainer()
    trainer.model.train()
    batches = batches_in_round(trainer, 0, 1)
    for batch in batches:
        update(trainer, TASK, batch)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        for batch in batches:
            update(trainer, TASK, batch)
    return profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=25, max_name_column_width=50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "fp16", "bf16"], help="how vectors are kept")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    parser.add_argument("--profile", action="store_true", help="where updates with the cache spend their time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.profile:
            print(profile(arguments.corpus, Path(folder), arguments.dtype))
            return
        rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
        result = frozen(arguments.corpus, Path(folder), rounds, arguments.dtype)
    costs = {name: {"cpu_seconds": r.median_seconds, "cal": r.median_cal} for name, r in result.readings.items()}
    if arguments.output is not None:
        arguments.output.write_text(json.dumps({"costs": costs, "numbers": result.numbers}, indent=2) + "\n")
    print(f"{'':32}{'CPU s':>10}{'cal':>10}")
    for name, cost in costs.items():
        print(f"{name:32}{cost['cpu_seconds']:10.4f}{cost['cal']:10.3f}")
    print(f"2018, each update: {FIGURE_OF_2018} cal")
    print("\n".join(f"{name}: {value:.0f}" for name, value in result.numbers.items()), file=sys.stdout)


if __name__ == "__main__":
    main()
