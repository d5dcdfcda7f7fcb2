#!/usr/bin/env python
"""Measures the modules that hmtl has in place of others' against those, on one thread, in CPU seconds of one run.

    python benchmarks/modules.py [--rounds 9]

Each pair computes the same values and gradients, which the tests show, but for what dropout draws. The docstrings of
the modules name the ratios. The rounds of a pair are interleaved and the median is taken, so that the ratio means
something on a noisy machine; the milliseconds do not.
"""

import argparse
import statistics
import time
from typing import Callable, Dict, List, Tuple, cast

import torch
from allennlp.modules import ConditionalRandomField as AllenNLPConditionalRandomField
from allennlp.modules.seq2seq_encoders import LstmSeq2SeqEncoder
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.modules.token_embedders import Embedding, TokenCharactersEncoder

from hmtl.modules import (
    ConditionalRandomField,
    DistinctCharactersEncoder,
    Dropout,
    PaddedLstmEncoder,
    antecedent_products,
)
from hmtl.modules.dropout import rectified_dropout
from hmtl.modules.padded_lstm_encoder import Reordered, both_ways, reordered, reversal
from hmtl.training.optimizers import use_fused_kernels

Work = Callable[[], object]


def mask_of(batch_size: int, length: int) -> torch.BoolTensor:
    """Sentences of half the length to the full length. Shape: (batch_size, length)"""
    lengths = torch.linspace(length // 2, length, batch_size).long()
    return cast(torch.BoolTensor, torch.arange(length) < lengths.unsqueeze(1))


def crf(batch_size: int = 32, length: int = 50, num_tags: int = 73) -> Tuple[Work, Work]:
    """Loss and gradient of a CRF: AllenNLP's, ours."""
    logits = torch.randn(batch_size, length, num_tags, requires_grad=True)
    tags, mask = torch.randint(num_tags, (batch_size, length)), mask_of(batch_size, length)
    theirs, ours = AllenNLPConditionalRandomField(num_tags), ConditionalRandomField(num_tags)
    return (
        lambda: (-theirs(logits, tags, mask)).backward(),
        lambda: (-ours.log_likelihood(logits, tags, mask).sum()).backward(),
    )


def viterbi(batch_size: int = 32, length: int = 50, num_tags: int = 73) -> Tuple[Work, Work]:
    """Decoding of a CRF: AllenNLP's, ours."""
    logits, mask = torch.randn(batch_size, length, num_tags), mask_of(batch_size, length)
    theirs, ours = AllenNLPConditionalRandomField(num_tags), ConditionalRandomField(num_tags)
    return lambda: theirs.viterbi_tags(logits, mask), lambda: ours.viterbi(logits, mask)


def lstm(batch_size: int, length: int, num_layers: int, dim: int = 228) -> Tuple[Work, Work]:
    """Forward and backward pass of a bidirectional LSTM: AllenNLP's, which packs, and ours, which pads."""
    inputs, mask = torch.randn(batch_size, length, dim, requires_grad=True), mask_of(batch_size, length)
    theirs = LstmSeq2SeqEncoder(dim, 64, num_layers=num_layers, bidirectional=True)
    ours = PaddedLstmEncoder(dim, 64, num_layers=num_layers)
    return lambda: theirs(inputs, mask).sum().backward(), lambda: ours(inputs, mask).sum().backward()


def pairs(num_spans: int = 360, num_antecedents: int = 70, dim: int = 1100, hidden: int = 150) -> Tuple[Work, Work]:
    """The first layer over pairs of spans: with a tensor of all products, and distance by distance."""
    spans, weight = torch.randn(num_spans, dim, requires_grad=True), torch.randn(hidden, dim, requires_grad=True)
    of_span, of_antecedent = (torch.randn(num_spans, hidden, requires_grad=True) for _ in range(2))
    of_distance = torch.randn(num_antecedents, hidden, requires_grad=True)
    others = (torch.arange(num_spans).unsqueeze(1) - torch.arange(1, num_antecedents + 1)).clamp(min=0)

    def plain() -> None:
        # Shape: (num_spans, num_antecedents, dim)
        products = spans.unsqueeze(1) * spans[others]
        (products @ weight.t() + of_span.unsqueeze(1) + of_antecedent[others] + of_distance).sum().backward()

    def ours() -> None:
        antecedent_products(spans, weight, of_span, of_antecedent, of_distance).sum().backward()

    return plain, ours


def dropout(num_rows: int = 1000, dim: int = 150) -> Tuple[Work, Work]:
    """ReLU and dropout: torch's, and with few random bits."""
    inputs = torch.randn(num_rows, dim, requires_grad=True)
    return (
        lambda: torch.nn.functional.dropout(inputs.relu(), 0.2).sum().backward(),
        lambda: rectified_dropout(inputs, 0.2, training=True).sum().backward(),
    )


def plain_dropout(num_rows: int = 1600, dim: int = 228) -> Tuple[Work, Work]:
    """Dropout: torch's, and with few random bits."""
    inputs = torch.randn(num_rows, dim, requires_grad=True)
    theirs, ours = torch.nn.Dropout(0.2), Dropout(0.2)
    return lambda: theirs(inputs).sum().backward(), lambda: ours(inputs).sum().backward()


def crf_gradient(batch_size: int = 32, length: int = 50, num_tags: int = 73) -> Tuple[Work, Work]:
    """Loss and gradient of our CRF: summed in logarithms and differentiated by torch, and by forward-backward."""
    logits = torch.randn(batch_size, length, num_tags, requires_grad=True)
    tags, mask = torch.randint(num_tags, (batch_size, length)), mask_of(batch_size, length)
    narrow, wide = ConditionalRandomField(num_tags), ConditionalRandomField(num_tags)
    with torch.no_grad():
        # Transitions that differ so much are summed in logarithms.
        wide.transitions[0, 0] = -100.0
    return (
        lambda: (-wide.log_likelihood(logits, tags, mask).sum()).backward(),
        lambda: (-narrow.log_likelihood(logits, tags, mask).sum()).backward(),
    )


def reordering(batch_size: int = 32, length: int = 50, dim: int = 228) -> Tuple[Work, Work]:
    """The reversal of padded sequences: with torch's gradient, which adds rows up, and with ours, which copies them."""
    vectors = torch.randn(length, batch_size, dim, requires_grad=True)
    order = reversal(mask_of(batch_size, length).t())
    return (
        lambda: vectors.flatten(0, 1).index_select(0, order).view_as(vectors).sum().backward(),
        lambda: Reordered.apply(vectors, order).sum().backward(),
    )


def full_batch(batch_size: int = 1, length: int = 30, dim: int = 228) -> Tuple[Work, Work]:
    """Prediction without padding, by an LSTM layer: a call for each direction, and one for both."""
    inputs = torch.randn(length, batch_size, dim)
    order = reversal(torch.ones(length, batch_size, dtype=torch.bool))
    ahead, back = torch.nn.LSTM(dim, 64), torch.nn.LSTM(dim, 64)
    return (
        torch.inference_mode()(lambda: reordered(ahead, back, inputs, order)),
        torch.inference_mode()(lambda: both_ways(ahead, back, inputs)),
    )


def characters(num_sentences: int = 32, num_tokens: int = 25, num_words: int = 400) -> Tuple[Work, Work]:
    """A character CNN over words of which many occur twice or more: AllenNLP's, ours."""
    lengths = torch.randint(1, 15, (num_words, 1))
    words = torch.randint(1, 80, (num_words, 15)) * (torch.arange(15) < lengths)
    tokens = words[torch.randint(num_words, (num_sentences, num_tokens))]
    embedding, cnn = Embedding(num_embeddings=80, embedding_dim=16), CnnEncoder(16, 64, (3,))
    theirs, ours = TokenCharactersEncoder(embedding, cnn), DistinctCharactersEncoder(embedding, cnn)
    return lambda: theirs(tokens).sum().backward(), lambda: ours(tokens).sum().backward()


def adam(num_tensors: int = 40, size: int = 50_000) -> Tuple[Work, Work]:
    """A step of Adam: torch's default, and in fused kernels."""
    optimizers = []
    for _ in range(2):
        parameters = [torch.nn.Parameter(torch.randn(size)) for _ in range(num_tensors)]
        for parameter in parameters:
            parameter.grad = torch.randn(size)
        optimizers.append(torch.optim.Adam(parameters))
    use_fused_kernels(optimizers[1])
    return optimizers[0].step, optimizers[1].step


CASES: Dict[str, Callable[[], Tuple[Work, Work]]] = {
    "CRF loss, 32 x 50 tokens, 73 tags": crf,
    "CRF best path, 32 x 50 tokens, 73 tags": viterbi,
    "LSTM, 4 x 40 tokens, 3 layers": lambda: lstm(4, 40, 3),
    "LSTM, 32 x 50 tokens, 2 layers": lambda: lstm(32, 50, 2),
    "coreference pairs, 360 spans x 70": pairs,
    "ReLU and dropout, 1000 x 150": dropout,
    "dropout, 1600 x 228": plain_dropout,
    "CRF loss, logarithms to probabilities": crf_gradient,
    "reversal of sequences, 32 x 50 tokens": reordering,
    "LSTM layer without padding, 1 x 30": full_batch,
    "character CNN, 800 tokens": characters,
    "a step of Adam, 2 million numbers": adam,
}


def seconds(work: Work) -> float:
    """CPU seconds of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'':40}{'other, ms':>12}{'ours, ms':>12}{'ratio':>8}")
    for name, case in CASES.items():
        other, ours = case()
        seconds(other), seconds(ours)
        times: List[Tuple[float, float]] = [(seconds(other), seconds(ours)) for _ in range(rounds)]
        before, after = (1000 * statistics.median(column) for column in zip(*times))
        print(f"{name:40}{before:12.1f}{after:12.1f}{before / after:8.1f}")


if __name__ == "__main__":
    main()
