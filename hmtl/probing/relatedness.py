"""How related two sentences are, as a distribution over the scores from 1 to 5 (Tai, Socher & Manning 2015, 5.2)."""

from typing import NamedTuple, Tuple

import numpy
import torch
from scipy.stats import pearsonr, spearmanr
from torch.nn import functional

# Scores are 1 to 5, whole ones.
NUM_SCORES = 5
LOSSES = SQUARED_ERROR, KL = "squared-error", "kl"
# As SentEval trains it: Adam at torch's default rate, a validation each so many passes over the data.
BATCH_SIZE, EPOCH_SIZE, MAX_EPOCHS, TENACITY = 64, 50, 1000, 3


class Scored(NamedTuple):
    """Vectors of pairs, (num_pairs, dim), and their scores, (num_pairs,)."""

    vectors: numpy.ndarray
    scores: numpy.ndarray


def distributions(scores: numpy.ndarray, loss: str = SQUARED_ERROR) -> numpy.ndarray:
    """For each score the shares of the two whole scores beside it (Tai et al., equation 15): 3.6 is 0.4 of a 3 and 0.6
    of a 4.

    Of a score below 1, such as those of STS, SentEval's code, whose loss is the squared error, leaves 0.3 of a 1 and
    nothing else for 0.3, and so does this with that loss. With the divergence such a score counts as 1.

    Shapes: (num_pairs,) -> (num_pairs, 5), float32
    """
    if loss == KL:
        scores = scores.clip(1, NUM_SCORES)
    # Shape: (num_pairs, 5)
    distance = numpy.abs(scores[:, None] - numpy.arange(1, NUM_SCORES + 1))
    return (1 - distance).clip(0).astype(numpy.float32)


def divergence(logits: torch.Tensor, targets: torch.Tensor, loss: str = SQUARED_ERROR) -> torch.Tensor:
    """The mean squared error of the shares of the predicted distributions (SentEval's `tools/relatedness.py`), or the
    mean Kullback-Leibler divergence of these from the targets (Tai et al., equation 16).

    Shapes: (num_pairs, 5), (num_pairs, 5) -> ()
    """
    if loss == SQUARED_ERROR:
        return functional.mse_loss(logits.softmax(-1), targets)
    return functional.kl_div(logits.log_softmax(-1), targets, reduction="batchmean")


def predicted_relatedness(
    train: Scored,
    validation: Scored,
    vectors: numpy.ndarray,
    seed: int,
    loss: str = SQUARED_ERROR,
    device: torch.device = None,
) -> Tuple[numpy.ndarray, float]:
    """The expected scores of other pairs by softmax regression, and Pearson's correlation in validation, by which the
    epoch is chosen.

    # Parameters

    train, validation : `Scored`
    vectors : `numpy.ndarray`
        Shape (num_pairs, dim).
    seed : `int`
        Of the initial weights and of the order of the pairs.
    loss : `str`, optional (default = `"squared-error"`)
        `"squared-error"`, as SentEval's code has it, or `"kl"`, as Tai et al. have it.
    device : `torch.device`, optional (default = the CPU)
    """
    inputs = torch.as_tensor(train.vectors, device=device)
    targets = torch.as_tensor(distributions(train.scores, loss), device=device)
    chosen_by, others = (torch.as_tensor(each, device=device) for each in (validation.vectors, vectors))
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(seed)
        model = torch.nn.Linear(inputs.size(1), NUM_SCORES).to(inputs.device)
        optimizer = torch.optim.Adam(model.parameters())
        best, found, misses, num_epochs = -numpy.inf, _expected(model, others), 0, 0
        while misses <= TENACITY and num_epochs <= MAX_EPOCHS:
            for _ in range(EPOCH_SIZE):
                for rows in torch.randperm(len(inputs)).to(inputs.device).split(BATCH_SIZE):
                    optimizer.zero_grad()
                    divergence(model(inputs[rows]), targets[rows], loss).backward()
                    optimizer.step()
            num_epochs += EPOCH_SIZE
            correlation = pearson(_expected(model, chosen_by), validation.scores)
            if correlation > best:
                best, found = correlation, _expected(model, others)
            else:
                misses += 1
    return found, float(best)


def pearson(predicted: numpy.ndarray, scores: numpy.ndarray) -> float:
    """Pearson's correlation; 0, as in SentEval, where there is none, since one of the two is constant."""
    return _correlation(pearsonr, predicted, scores)


def spearman(predicted: numpy.ndarray, scores: numpy.ndarray) -> float:
    """Spearman's rank correlation, of ties as `pearson`."""
    return _correlation(spearmanr, predicted, scores)


def _correlation(measure, predicted: numpy.ndarray, scores: numpy.ndarray) -> float:  # type: ignore[no-untyped-def]
    if len(scores) < 2 or numpy.ptp(predicted) == 0 or numpy.ptp(scores) == 0:
        return 0.0
    return float(numpy.nan_to_num(measure(predicted, scores)[0]))


@torch.no_grad()
def _expected(model: torch.nn.Module, vectors: torch.Tensor) -> numpy.ndarray:
    """Shape: (num_pairs,)"""
    scores = torch.arange(1, NUM_SCORES + 1, device=vectors.device, dtype=vectors.dtype)
    return (model(vectors).softmax(-1) @ scores).double().cpu().numpy()
