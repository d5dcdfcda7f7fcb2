"""A run in Python: what `hmtl.train` and `hmtl.load` return."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Union

import numpy
import torch

from hmtl.common.archives import read_config
from hmtl.common.arguments import device_named
from hmtl.common.file_names import ARCHIVE_NAME, CARD_NAME, CONFIG_NAME
from hmtl.common.model_names import find_model, package_name
from hmtl.document import Document
from hmtl.errors import UserError
from hmtl.evaluation.error_analysis import analyse_run
from hmtl.evaluation.evaluate import evaluate_run, load_run
from hmtl.experiments.results import Curves, Errors, Prediction, Scores, text_of
from hmtl.models.hmtl import HMTL
from hmtl.predictors import HMTLPredictor
from hmtl.runs.run_directory import RunDirectory
from hmtl.runs.summaries import RunSummary, metrics_by_epoch, summarize, trained_tasks, validation_metric
from hmtl.training.screen import closing_lines

Text = Union[str, Mapping[str, Any], Document]


class TrainedRun:
    """A finished run, a model that is a package, or a `model.tar.gz`, which predicts and no more.

    # Parameters

    path : `Union[str, os.PathLike]`
        The directory that was trained in, an archive, or the name of a model: see `find_model`.
    trust : `bool`, optional (default = `False`)
        Vouches for the archive (see `hmtl.common.archives`).

    # Raises

    UserError
        Where there is none.
    """

    def __init__(self, path: Union[str, os.PathLike], trust: bool = False) -> None:
        self.path = find_model(path)
        if self.path.is_dir() and not any((self.path / name).exists() for name in (CONFIG_NAME, ARCHIVE_NAME)):
            raise UserError(f"{path}: holds neither {CONFIG_NAME} nor {ARCHIVE_NAME}; expected the directory of a run")
        self._trust = trust

    @cached_property
    def config(self) -> Dict[str, Any]:
        """The whole configuration, with nothing imported."""
        return read_config(self.path).as_dict(quiet=True)

    @cached_property
    def predictor(self) -> HMTLPredictor:
        """The predictor with the weights that were best over all tasks; it is loaded when it is first asked for."""
        cuda_device = 0 if torch.cuda.is_available() else -1
        return HMTLPredictor.load(self.path, cuda_device=cuda_device, trust=self._trust)

    @property
    def model(self) -> HMTL:
        """The model of the predictor."""
        model = self.predictor.model
        assert isinstance(model, HMTL)
        return model

    @property
    def tasks(self) -> List[str]:
        """The tasks, from the lowest level up."""
        return list(self.model.tasks)

    @property
    def summary(self) -> RunSummary:
        """What its files tell of the run: scores, epochs, options; of a package there is none."""
        return summarize(self._directory(of_training=True))

    def predict(self, text: Text) -> Prediction:
        """What the model finds in a text: a raw text, a `Document`, or an input of `HMTLPredictor`.

        # Raises

        UserError
            Where it is no text.
        """
        [prediction] = self.predict_many([text])
        return prediction

    def predict_many(self, texts: Iterable[Text]) -> List[Prediction]:
        """What the model finds in each of several texts, as `predict`; those of similar length are computed together.

        # Raises

        UserError
            Where one is no text.
        """
        outputs = self.predictor.annotate([text_of(text) for text in texts])
        return [Prediction(output, self.predictor.layers) for output in outputs]

    def embed(
        self, texts: Iterable[Text], level: str = "embedding", pooling: str = "average", unit: str = "text"
    ) -> numpy.ndarray:
        """The vectors that a level has for texts, each as for `predict`: one row for each text, or for each sentence of
        all texts.

        `level`, `pooling` and `unit` are those of `HMTLPredictor.embed`.

        Shape: (num_texts, dim) or (num_sentences, dim), float32; without texts (0, 0)

        # Raises

        UserError
            Where one is no text or has no tokens, or there is no such level, pooling or unit.
        """
        found = self.predictor.embed([text_of(text) for text in texts], level, pooling, unit)
        rows = [each.vectors for each in found]
        return numpy.concatenate(rows) if rows else numpy.empty((0, 0), numpy.float32)

    def evaluate(
        self, split: str = "test", device: Optional[str] = None, data: Union[None, str, os.PathLike] = None
    ) -> Scores:
        """The scores of the best weights of each task, beside baselines, as `hmtl evaluate` writes them to the run; of
        a package, those of its weights, which are not written.

        # Parameters

        split : `str`, optional (default = `"test"`)
            Or `"validation"`.
        device : `str`, optional (default = the first GPU, where there is one)
        data : `Union[str, os.PathLike]`, optional (default = the working directory)
            The folder that relative paths of data count from.

        # Raises

        UserError
            Where it is an archive, or data cannot be read.
        """
        _check_split(split)
        run = load_run(self._directory(), data=data)
        evaluation = evaluate_run(run, split=split, device=device_named(device))
        if run.package is None:
            evaluation.write(RunDirectory(self.path).evaluation(split))
        return Scores(evaluation)

    def errors(
        self,
        split: str = "test",
        tasks: Optional[Sequence[str]] = None,
        num_examples: int = 3,
        device: Optional[str] = None,
    ) -> Errors:
        """What the run gets wrong, by task, kind of error and label, with examples; see `hmtl errors`.

        # Raises

        UserError
            Where it is an archive, it has no such task, or data cannot be read.
        """
        _check_split(split)
        run = load_run(self._directory())
        return Errors(analyse_run(run, split, tasks, num_examples, device_named(device)))

    def curves(self) -> Curves:
        """The metrics of each epoch.

        # Raises

        UserError
            Where it is an archive.
        """
        directory = self._directory(of_training=True)
        epochs = metrics_by_epoch(directory)
        return Curves(epochs, {task: validation_metric(directory, task) for task in trained_tasks(epochs)})

    def _directory(self, of_training: bool = False) -> Path:
        if not self.path.is_dir():
            raise UserError(f"{self.path}: an archive has no data and no scores; load the directory of its run")
        if of_training and not self._tells_of_training:
            raise UserError(
                f"{self.path}: a package keeps nothing of its training; its card, {CARD_NAME}, has the scores"
            )
        return self.path

    @property
    def _tells_of_training(self) -> bool:
        return self.path.is_dir() and package_name(self.path) is None

    def __repr__(self) -> str:
        return f"TrainedRun({str(self.path)!r})"

    def __str__(self) -> str:
        return "\n".join(closing_lines(self.summary)).strip() if self._tells_of_training else repr(self)

    def _repr_html_(self) -> str:
        return self.curves()._repr_html_() if self._tells_of_training else ""


def _check_split(split: str) -> None:
    if split not in ("test", "validation"):
        raise UserError(f"split: expected 'test' or 'validation', found {split!r}")


def load(path: Union[str, os.PathLike], trust: bool = False) -> TrainedRun:
    """The run of a directory that was trained in, by whatever command, of a `model.tar.gz`, or of a model by its name,
    such as `en_hmtl_mini` (see `find_model`).

    `trust` vouches for an archive (see `hmtl.common.archives`).

    # Raises

    UserError
        Where there is none.
    """
    return TrainedRun(path, trust)
