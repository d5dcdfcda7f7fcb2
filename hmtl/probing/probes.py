"""Classifiers that read a property off vectors: those of SentEval, and scikit-learn's."""

from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy
import torch

from hmtl.errors import UserError

CLASSIFIERS = ("logistic-regression", "mlp", "scikit-learn")

OPTIMIZERS: Dict[str, Any] = {"rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam}

# SentEval's grids, of which validation chooses: weight decay of its own classifiers, C of scikit-learn's.
WEIGHT_DECAYS: Tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2)
INVERSE_STRENGTHS: Tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class Split(NamedTuple):
    """Vectors, (num_examples, dim), and the numbers of their classes, (num_examples,)."""

    vectors: numpy.ndarray
    classes: numpy.ndarray


class ProbeResult(NamedTuple):
    """Accuracies from 0 to 1 of the probe that was best in validation, its regularization, and of each test example
    whether it is right: `1` or `0`."""

    test: float
    validation: float
    regularization: float
    correct: str


@dataclass(frozen=True)
class ProbeSettings:
    """A classifier; the defaults are the paper's, which are those of SentEval's quick configuration.

    # Attributes

    classifier : `str`
        `logistic-regression` or `mlp`, as SentEval trains them: an optimizer at torch's default rate, without
        standardisation, the epoch with the best validation kept; or `scikit-learn`, its logistic regression on vectors
        that are standardised by the training split.
    hidden_units : `int`
        Of the MLP, a layer with the sigmoid.
    dropout : `float`
        Of the MLP.
    batch_size : `int`
    tenacity : `int`
        Training ends at the first validation without improvement after so many others, which need not be in a row.
    epoch_size : `int`
        Passes over the training data between validations.
    max_epochs : `int`
        No validation is followed by more training after more passes than this.
    seed : `int`
    optimizer : `str`
        `rmsprop` or `adam`.
    """

    classifier: str = "logistic-regression"
    hidden_units: int = 50
    dropout: float = 0.0
    batch_size: int = 128
    tenacity: int = 3
    epoch_size: int = 2
    max_epochs: int = 200
    seed: int = 1111
    optimizer: str = "rmsprop"

    def __post_init__(self) -> None:
        if self.classifier not in CLASSIFIERS:
            raise UserError(f"there is no classifier '{self.classifier}'; expected one of: {', '.join(CLASSIFIERS)}")

    def for_task(self, task: str) -> "ProbeSettings":
        """The same; for word content, with its many classes, SentEval never uses hidden units."""
        if task == "WC" and self.classifier == "mlp":
            return ProbeSettings(**{**asdict(self), "classifier": "logistic-regression"})
        return self

    def describe(self) -> Dict[str, Any]:
        """What a result depends on."""
        described = asdict(self)
        if self.optimizer == "rmsprop":
            del described["optimizer"]  # so that results of releases that knew no other are still found
        if self.classifier == "scikit-learn":
            return {key: described[key] for key in ("classifier", "seed")}
        if self.classifier == "logistic-regression":
            return {key: value for key, value in described.items() if key not in ("hidden_units", "dropout")}
        return described


def fit_probe(
    train: Split, validation: Split, test: Split, settings: ProbeSettings, device: Optional[torch.device] = None
) -> ProbeResult:
    """Fits a probe for each value of the grid and measures the one that is best in validation, of several the first.

    SentEval rounds validation accuracies to hundredths of a percent before it compares them; so does this. It fits the
    best one once more, which, with the same seed, gives the same.
    """
    if len(numpy.unique(train.classes)) == 1:  # as control tasks of few sentences may have it
        only = train.classes[0]
        return _measured(test.classes == only, float((validation.classes == only).mean()), 0.0)
    if settings.classifier == "scikit-learn":
        fit = _scikit_learn(train, validation, test, settings)
        results = [fit(strength) for strength in INVERSE_STRENGTHS]
    else:
        fitted, chosen_by, measured = (_tensors(split, device) for split in (train, validation, test))
        results = [_fit_torch(fitted, chosen_by, measured, settings, decay) for decay in WEIGHT_DECAYS]
    return max(results, key=lambda result: round(100 * result.validation, 2))


Tensors = Tuple[torch.Tensor, torch.Tensor]


def _fit_torch(
    train: Tensors, validation: Tensors, test: Tensors, settings: ProbeSettings, weight_decay: float
) -> ProbeResult:
    model, best = trained_classifier(train, validation, settings, weight_decay)
    return _measured(_correct(model, test).cpu().numpy(), best, weight_decay)


def trained_classifier(
    train: Tensors, validation: Tensors, settings: ProbeSettings, weight_decay: float
) -> Tuple[torch.nn.Module, float]:
    """One of SentEval's own classifiers after the epoch with the best validation, and the accuracy there, from 0 to 1.

    Vectors have the shape (num_examples, dim), classes (num_examples,).
    """
    vectors, classes = train
    num_classes = int(classes.max()) + 1
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(settings.seed)
        model = _classifier(vectors.size(1), num_classes, settings).to(vectors.device)
        optimizer = OPTIMIZERS[settings.optimizer](model.parameters(), weight_decay=weight_decay)
        best, best_state, misses, num_epochs = -1.0, model.state_dict(), 0, 0
        while misses <= settings.tenacity and num_epochs <= settings.max_epochs:
            model.train()
            for _ in range(settings.epoch_size):
                for rows in torch.randperm(len(classes)).to(vectors.device).split(settings.batch_size):
                    optimizer.zero_grad()
                    torch.nn.functional.cross_entropy(model(vectors[rows]), classes[rows]).backward()
                    optimizer.step()
            num_epochs += settings.epoch_size
            accuracy = _correct(model, validation).double().mean().item()
            if accuracy > best:
                best, best_state = accuracy, {name: value.clone() for name, value in model.state_dict().items()}
            else:
                misses += 1
        model.load_state_dict(best_state)
        return model, best


def _classifier(dim: int, num_classes: int, settings: ProbeSettings) -> torch.nn.Module:
    if settings.classifier == "logistic-regression":
        return torch.nn.Linear(dim, num_classes)
    return torch.nn.Sequential(
        torch.nn.Linear(dim, settings.hidden_units),
        torch.nn.Dropout(settings.dropout),
        torch.nn.Sigmoid(),
        torch.nn.Linear(settings.hidden_units, num_classes),
    )


@torch.no_grad()
def _correct(model: torch.nn.Module, split: Tensors) -> torch.Tensor:
    """Of each example whether the most probable class is its own. Shape: (num_examples,)"""
    model.eval()
    vectors, classes = split
    # Shape: (num_examples,)
    predicted = model(vectors).argmax(-1)
    return predicted == classes


def _measured(correct: numpy.ndarray, validation: float, regularization: float) -> ProbeResult:
    """A result from what is right in the test split, (num_examples,)."""
    return ProbeResult(float(correct.mean()), validation, regularization, "".join(map(str, correct.astype(int))))


def _tensors(split: Split, device: Optional[torch.device]) -> Tensors:
    return torch.from_numpy(split.vectors).to(device), torch.from_numpy(split.classes).to(device)


def _scikit_learn(
    train: Split, validation: Split, test: Split, settings: ProbeSettings
) -> Callable[[float], ProbeResult]:
    # Only here: it takes its time.
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train.vectors)
    scaled: List[Split] = [Split(scaler.transform(split.vectors), split.classes) for split in (train, validation, test)]

    def fit(inverse_strength: float) -> ProbeResult:
        model = LogisticRegression(C=inverse_strength, max_iter=1000, random_state=settings.seed)
        model.fit(*scaled[0])
        vectors, classes = scaled[2]
        return _measured(model.predict(vectors) == classes, float(model.score(*scaled[1])), inverse_strength)

    return fit
