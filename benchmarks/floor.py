#!/usr/bin/env python
"""Measures updates beside their floor: the kernels that no implementation of this model gets around.

    python benchmarks/floor.py --corpus DIR [--quick]

The floor of an update is what the model's mathematics asks for, in bare torch on tensors that lie ready, of the shapes
that the update has. Forward and then, in the other order, backward:

- the look-ups of words and characters, whose gradients are as large as their tables,
- the matrix product of the characters' convolution, for words of distinct characters,
- dropout of what each level reads, within its encoder and before a head of tags or relations: 16 random bits a number,
- the LSTMs of all levels,
- the matrix products of the head (of the pairs, for coreference), and the CRF.

Then the norm of the gradient, and the fused kernel of Adam for every parameter that the task reaches. It has no batch
to make, no search for distinct words, no masks of padding, reversals, concatenations, activations or losses, no dropout
within the head of coreference, and no Python but the loop of the CRF. Updates and floors take turns, batch by batch.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List

# Before torch is imported.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import hmtl  # noqa: E402, F401  (first: it silences warnings that AllenNLP's imports would print)

# isort: split
import torch
from calibration import Meter, Readings
from phases import UPDATES, Experiment, Result, batches_of, reading, skip, stride_of, update

from hmtl.models import HMTL
from hmtl.modules import PaddedLstmEncoder
from hmtl.tasks import CorefHead, CrfHead, RelationHead

Work = Callable[[], object]
# Runs forward, and returns the way back.
Kernel = Callable[[], Work]


def floors(corpus: Path, directory: Path, rounds: int) -> Result:
    """For each task the readings `{task} floor` and, of the updates in between, `{task} floor: update`."""
    experiment, meter = Experiment(corpus, directory), Meter()
    trainer = experiment.trainer()
    model = trainer.model
    assert isinstance(model, HMTL)
    model.train()
    for task, count in UPDATES.items():
        optimizer_step = optimizer(model, task)
        update(trainer, task, next(batches_of(trainer, task)))
        for number in range(rounds):
            batches, stride = batches_of(trainer, task), stride_of(trainer, task)
            skip(batches, int(stride * (number + 0.5) / rounds))
            with meter.round():
                for _ in range(count):
                    with meter.time(f"{task} floor: update", count):
                        batch = next(batches)
                        update(trainer, task, batch)
                    kernels = kernels_of(model, task, batch)
                    with meter.time(f"{task} floor", count):
                        run(kernels)
                        optimizer_step()
                    skip(batches, stride - 1)
    return Result(dict(meter.readings), {}, {})


def run(kernels: List[Kernel]) -> None:
    for backward in reversed([kernel() for kernel in kernels]):
        backward()


def kernels_of(model: HMTL, task: str, batch: Dict[str, Any]) -> List[Kernel]:
    """The kernels of an update, but for the optimizer's."""
    tokens = batch["text"]["tokens"]["tokens"]
    # Shape: (num_sentences, sentence_length)
    mask = (tokens != 0).flatten(0, -2)
    shapes = {"sentence": tuple(mask.shape), "document": (1, int(mask.sum()))}
    words_of_text = model.text_field_embedder.get_submodule("token_embedder_tokens")
    work = [look_up(words_of_text, tokens.numel())]
    # The words of distinct characters, and the windows that lie within them.
    words = batch["text"]["token_characters"]["token_characters"].flatten(0, -2).unique(dim=0)
    for module in model.text_field_embedder.modules():
        if isinstance(module, torch.nn.Conv1d):
            num_filters, dim, ngram_size = module.weight.shape
            num_windows = int(((words != 0).sum(1) - ngram_size + 1).clamp(min=0).sum())
            characters = model.text_field_embedder.get_submodule("token_embedder_token_characters._embedding._module")
            work.append(look_up(characters, num_windows * ngram_size))
            work.append(product(num_windows, ngram_size * dim, num_filters))
    for level in model._levels_below(task):
        encoder, (num_rows, length) = model.encoder(level), shapes[model.head(level).scope]
        assert isinstance(encoder, PaddedLstmEncoder)
        work.append(dropout(num_rows * length * encoder.get_input_dim(), model.input_dropouts[level]))
        between = len(encoder._forward_layers) - 1
        work += [dropout(num_rows * length * encoder.get_output_dim(), encoder._dropout) for _ in range(between)]
        for layer in [*encoder._forward_layers, *encoder._backward_layers]:
            work.append(lstm(layer, num_rows, length))
    head = model.head(task)
    encoding_dim = model.encoder(task).get_output_dim()
    num_rows, length = shapes[head.scope]
    if isinstance(head, (CrfHead, RelationHead)):
        work.append(dropout(num_rows * length * encoding_dim, head._dropout))
    if isinstance(head, CrfHead):
        num_tags = 1 + 4 * len(head.labels)
        work += [product(num_rows * length, encoding_dim, num_tags), crf(num_rows, length, num_tags)]
    elif isinstance(head, RelationHead):
        hidden_dim = head._type_projection.in_features
        work += [product(num_rows * length, encoding_dim, hidden_dim)] * 2
        work.append(product(num_rows * length**2, hidden_dim, len(head.labels)))
    elif isinstance(head, CorefHead):
        input_dim = encoding_dim + model.encoder(task).get_input_dim()
        work += coreference(head, mask.sum(1).tolist(), encoding_dim, input_dim)
    return work


def lstm(layer: torch.nn.Module, batch_size: int, length: int) -> Kernel:
    """One layer in one direction."""
    assert isinstance(layer, torch.nn.LSTM)
    bare = torch.nn.LSTM(layer.input_size, layer.hidden_size)
    inputs = torch.randn(length, batch_size, layer.input_size, requires_grad=True)
    gradient = torch.randn(length, batch_size, layer.hidden_size)
    leaves = [inputs, *bare.parameters()]

    def forward() -> Work:
        output, _ = bare(inputs)
        return lambda: torch.autograd.grad(output, leaves, gradient)

    return forward


def product(num_rows: int, input_dim: int, output_dim: int, times: int = 1) -> Kernel:
    """A linear map: the product and those of both gradients. `times` repeats it, with the same rows."""
    inputs, weight = torch.randn(num_rows, input_dim), torch.randn(output_dim, input_dim)
    gradient = torch.randn(num_rows, output_dim)

    def forward() -> Work:
        for _ in range(times):
            inputs @ weight.t()
        return backward

    def backward() -> None:
        for _ in range(times):
            gradient @ weight
            gradient.t() @ inputs

    return forward


def look_up(table: torch.nn.Module, count: int) -> Kernel:
    """So many rows of a table of vectors, and the gradient of the whole table."""
    assert isinstance(table.weight, torch.nn.Parameter)
    weight = torch.randn_like(table.weight, requires_grad=True)
    numbers, gradient = torch.randint(len(weight), (count,)), torch.randn(count, weight.size(1))

    def forward() -> Work:
        output = torch.nn.functional.embedding(numbers, weight)
        return lambda: torch.autograd.grad(output, weight, gradient)

    return forward


def dropout(size: int, module: torch.nn.Module) -> Kernel:
    """Random bits, 16 a number, and the products with what they leave."""
    assert isinstance(module, torch.nn.Dropout)
    values, gradient, threshold = torch.randn(size), torch.randn(size), round((module.p - 0.5) * 2**16)

    def forward() -> Work:
        bits = torch.empty(size // 4 + 1, dtype=torch.int64).random_(-(2**63), None)
        noise = (bits.view(torch.int16)[:size] >= threshold).float()
        values * noise
        return lambda: gradient * noise

    return forward


def crf(batch_size: int, length: int, num_tags: int) -> Kernel:
    """The forward-backward algorithm on scaled probabilities, without masks, from exponentials to marginals."""
    emissions, transitions = torch.randn(length, batch_size, num_tags), torch.randn(num_tags, num_tags)
    filtered, futures, presents = (torch.ones_like(emissions) for _ in range(3))
    scales = torch.ones(length, batch_size, 1)

    def forward() -> Work:
        likelihoods, factors = emissions.exp(), transitions.exp()
        for time in range(1, length):
            arriving = (filtered[time - 1] @ factors).mul_(likelihoods[time])
            torch.sum(arriving, dim=1, keepdim=True, out=scales[time])
            torch.div(arriving, scales[time], out=filtered[time])
        return lambda: backward(likelihoods / scales, factors)

    def backward(likelihoods: torch.Tensor, factors: torch.Tensor) -> None:
        for time in range(length - 1, 0, -1):
            torch.mul(likelihoods[time], futures[time], out=presents[time])
            torch.mm(presents[time], factors.t(), out=futures[time - 1])
        filtered * futures
        (filtered[:-1].flatten(0, 1).t() @ presents[1:].flatten(0, 1)) * factors

    return forward


def coreference(head: CorefHead, lengths: List[int], encoding_dim: int, input_dim: int) -> List[Kernel]:
    """The products of the mention scorer and of the pair scorer, whose first layers are projected part by part.

    `lengths` are those of the document's sentences, in tokens. The products of two spans lie ready, in blocks of one
    distance, and only pairs that exist are counted.
    """
    hidden_dim = head._mention_scorer.in_features
    span_dim = sum(head._span_parts)
    num_tokens = sum(lengths)
    num_candidates = sum(length - width for length in lengths for width in range(min(length, head._max_span_width)))
    num_spans = int(head._spans_per_word * num_tokens)
    distances = range(1, min(head._max_antecedents, num_spans - 1) + 1)
    num_pairs = sum(num_spans - distance for distance in distances)
    mean_block = num_pairs // len(distances)
    return [
        # Mentions: starts, ends and inputs by token, then the second layer and the score by candidate.
        product(num_tokens, encoding_dim, 2 * hidden_dim),
        product(num_tokens, input_dim - encoding_dim, hidden_dim),
        product(num_candidates, hidden_dim, hidden_dim),
        product(num_candidates, hidden_dim, 1),
        # Pairs: both spans, their product, then the second layer and the score.
        product(num_spans, span_dim, 2 * hidden_dim),
        product(mean_block, span_dim, hidden_dim, times=len(distances)),
        product(num_pairs, hidden_dim, hidden_dim),
        product(num_pairs, hidden_dim, 1),
    ]


def optimizer(model: HMTL, task: str) -> Work:
    """The gradient's norm and a step of Adam for all that the task reaches."""
    parameters = [torch.nn.Parameter(torch.randn_like(parameter)) for _, parameter in model.parameters_of(task)]
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    adam = torch.optim.Adam(parameters, fused=True)

    def work() -> None:
        torch.nn.utils.get_total_norm(parameter.grad for parameter in parameters if parameter.grad is not None)
        adam.step()

    work()
    return work


def ratios(readings: Dict[str, Readings]) -> Dict[str, Dict[str, float]]:
    """Of the readings of `floors`, for each task: cal of the floor and of an update, and how many times the floor an
    update costs, the median of the rounds."""
    found: Dict[str, Dict[str, float]] = {}
    for task in UPDATES:
        bare, update = readings[f"{task} floor"], readings[f"{task} floor: update"]
        times = median(ours / floor for ours, floor in zip(update.seconds, bare.seconds))
        found[task] = {"floor_cal": bare.median_cal, "update_cal": update.median_cal, "ratio": times}
    return found


def table(found: Dict[str, Dict[str, float]]) -> str:
    """The ratios for people to read."""
    lines = [f"{'an update and its floor, cal':32}{'floor':>10}{'ours':>10}{'ratio':>8}"]
    for task, row in found.items():
        lines.append(f"{task:32}{row['floor_cal']:10.3f}{row['update_cal']:10.3f}{row['ratio']:8.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reading(arguments.corpus, Path(folder))
        print(table(ratios(floors(arguments.corpus, Path(folder), 3 if arguments.quick else 9).readings)))


if __name__ == "__main__":
    main()
