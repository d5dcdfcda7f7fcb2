#!/usr/bin/env python
"""What hmtl adds to an encoder of the transformers library that it fine-tunes, and what a frozen one loses in bf16.

    HMTL_TRANSFORMER=NAME python benchmarks/encoders.py [--config FILE] [--quick] [--output FILE]

NAME is the encoder's name or folder. Run from the top of the repository: the configuration is by default that which
fine-tunes an encoder on the bundled sample. Costs are CPU seconds on one thread; what a table compares takes turns, on
the same batches, and each ratio is the median of those of the rounds.

An update of each task stands beside the bare encoder's forward and backward pass over the same word pieces, and beside
these with the norm of the gradient and a step of the fused AdamW for the encoder's own weights.

The frozen encoder reads the sentences in float32, by autocast in bf16 as `trainer.precision: 'bf16'` has it, and with
weights in bf16. The loss of a vector is its distance from that of float32, as a share of the latter's length, over all
words and layers; beside it stands the loss of vectors that are computed in float32 and kept in 16 bits.
"""

import argparse
import json
import os
import tempfile
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any, Dict, List

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch  # noqa: E402
from calibration import Work, take_turns  # noqa: E402
from machine import Share, in_company, in_words, machine  # noqa: E402
from precision import SENTENCES, Experiment, sentences_of, word_pieces  # noqa: E402

from hmtl.modules import TransformerEmbedder  # noqa: E402
from hmtl.training.trainer import MultiTaskTrainer  # noqa: E402

CONFIG = "configs/finetune_transformer.jsonnet"
ROUNDS, QUICK_ROUNDS = 12, 4
UPDATE, BARE, STEP = "update", "forward and backward", "forward, backward and AdamW"
EXACT = "float32"
CPU = torch.device("cpu")


def updates(experiment: Experiment, rounds: int) -> Dict[str, Any]:
    """For each task the seconds of an update and of the bare encoder, round by round."""
    found: Dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        trainer = experiment.trainer("fp32", Path(directory))
        embedder = encoder_of(trainer)
        bare = deepcopy(embedder.transformer_model).train()
        weights = list(bare.parameters())
        adam = torch.optim.AdamW(weights, lr=1e-6, fused=True)
        for task in experiment.loader.tasks:
            batches = experiment.batches(task, rounds)
            inputs = [read_by(embedder, trainer, batch) for batch in batches]

            def update(number: int, task: str = task, batches: Any = batches) -> None:
                trainer.loop.update({task: [batches[number]]})

            def both_ways(number: int, inputs: Any = inputs) -> None:
                bare.zero_grad(set_to_none=True)
                output = bare(**inputs[number]).last_hidden_state
                output.backward(torch.ones_like(output))

            def with_step(number: int, both_ways: Work = both_ways) -> None:
                both_ways(number)
                torch.nn.utils.get_total_norm(weight.grad for weight in weights if weight.grad is not None)
                adam.step()

            trainer.model.train()
            seconds = take_turns({UPDATE: update, BARE: both_ways, STEP: with_step}, rounds)
            pieces = sum(int(each["attention_mask"].sum()) for each in inputs) / len(inputs)
            found[task] = {"word pieces": pieces, "seconds": seconds}
    return found


def encoder_of(trainer: MultiTaskTrainer) -> TransformerEmbedder:
    return next(module for module in trainer.model.modules() if isinstance(module, TransformerEmbedder))


def read_by(embedder: TransformerEmbedder, trainer: MultiTaskTrainer, batch: Dict[str, Any]) -> Dict[str, Any]:
    """What the encoder itself is given for a batch."""
    kept: List[Dict[str, Any]] = []
    encoder = embedder.transformer_model
    handle = encoder.register_forward_pre_hook(lambda _, args, given: kept.append(given), with_kwargs=True)
    with handle, torch.no_grad():
        trainer.model(**batch)
    (inputs,) = kept
    return inputs


def frozen(experiment: Experiment, model_name: str, rounds: int) -> Dict[str, Any]:
    """For each way to read with the frozen encoder its seconds, round by round, and the loss of its vectors."""
    sentences = sentences_of(experiment, SENTENCES * rounds)
    batches = [
        word_pieces(sentences[first : first + SENTENCES], model_name, CPU)
        for first in range(0, len(sentences), SENTENCES)
    ]
    embedder = TransformerEmbedder(model_name, max_length=512).eval()
    narrow = deepcopy(embedder)
    narrow.transformer_model.bfloat16()

    # Shape of what each returns: (num_layers, batch_size, num_words, dim)
    @torch.no_grad()
    def in_float32(number: int) -> torch.Tensor:
        return embedder.frozen_layers(batches[number % len(batches)])

    @torch.no_grad()
    def by_autocast(number: int) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return embedder.frozen_layers(batches[number % len(batches)])

    @torch.no_grad()
    def in_bf16(number: int) -> torch.Tensor:
        return narrow.frozen_layers(batches[number % len(batches)])

    works: Dict[str, Any] = {EXACT: in_float32, "bf16, autocast": by_autocast, "bf16, weights too": in_bf16}
    seconds = take_turns(works, rounds)
    rows: Dict[str, Any] = {
        name: {"seconds": of_name, "lost": None if name == EXACT else loss(in_float32, works[name], batches)}
        for name, of_name in seconds.items()
    }
    for name, dtype in (("kept in bf16", torch.bfloat16), ("kept in fp16", torch.float16)):
        rows[name] = {"lost": loss(in_float32, lambda number, dtype=dtype: in_float32(number).to(dtype), batches)}
    return rows


def loss(exact: Any, other: Any, batches: List[Dict[str, torch.Tensor]]) -> Dict[str, float]:
    """The distances of vectors from the exact ones as shares of the lengths of these: the median, and the largest."""
    shares = []
    for number, batch in enumerate(batches):
        vectors, expected = other(number).float(), exact(number)
        # Shape: (num_layers, batch_size, num_words)
        distances = (vectors - expected).norm(dim=-1) / expected.norm(dim=-1).clamp(min=1e-6)
        shares.append(distances[:, batch["mask"].bool()].flatten())
    together = torch.cat(shares)
    return {"median": float(together.median()), "largest": float(together.max())}


def times(ours: List[float], theirs: List[float]) -> float:
    """How many times the cost of theirs ours is, the median of the rounds."""
    return median(a / b for a, b in zip(ours, theirs))


def table(results: Dict[str, Any]) -> str:
    """The results for people to read, as Markdown."""
    lines = [f"{in_words(results['machine'])}; {in_company(results['share'])}; {results['rounds']} rounds\n"]
    lines.append(f"| update of | word pieces | hmtl, ms | {BARE}, ms | times | {STEP}, ms | times |")
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for task, row in results["updates"].items():
        seconds = row["seconds"]
        cells = [task, f"{row['word pieces']:.0f}", f"{1000 * median(seconds[UPDATE]):.0f}"]
        for name in (BARE, STEP):
            cells += [f"{1000 * median(seconds[name]):.0f}", f"{times(seconds[UPDATE], seconds[name]):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("\n| frozen | ms | times as fast | lost, median | largest |\n|---|---:|---:|---:|---:|")
    exact = results["frozen"][EXACT]["seconds"]
    for name, row in results["frozen"].items():
        seconds = row.get("seconds")
        cost = [f"{1000 * median(seconds):.0f}", f"{times(exact, seconds):.2f}"] if seconds else ["", ""]
        lost = [f"{100 * share:.2g} %" for share in row["lost"].values()] if row["lost"] else ["", ""]
        lines.append(f"| {' | '.join([name, *cost, *lost])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=CONFIG, metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the results there, as JSON")
    arguments = parser.parse_args()
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    torch.set_num_threads(1)
    share = Share()
    experiment = Experiment(arguments.config, CPU)
    model_name = os.environ["HMTL_TRANSFORMER"]
    measured = {"updates": updates(experiment, rounds), "frozen": frozen(experiment, model_name, rounds)}
    results = {"machine": machine(), "share": share.now(), "rounds": rounds, **measured}
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(results, indent=2) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
