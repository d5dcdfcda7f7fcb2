"""The models of one server, by their names; others may take their places while it serves."""

import asyncio
import hashlib
from dataclasses import asdict
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional

import torch
from starlette.requests import Request

from hmtl.common.checks import did_you_mean
from hmtl.common.weights import add_to_digest
from hmtl.page import document, server_page, themed
from hmtl.predictors import HMTLPredictor
from hmtl.server.about import ModelRecord
from hmtl.server.limits import Limits
from hmtl.server.messages import BadRequest
from hmtl.server.service import Metrics, PredictionService
from hmtl.tasks.kind import kinds_of
from hmtl.version import VERSION

# Stands for the address of the server, which those who ask know alone.
ADDRESS = "https://address.invalid/"

_WARM_UP = "Ada Lovelace lived in London. She wrote programs."
_CLOSE_SECONDS = 1.0


def no_record(name: str, predictor: HMTLPredictor) -> ModelRecord:
    """The record of a model of which nothing is known beside its weights."""
    return ModelRecord()


def describe(predictor: HMTLPredictor, name: str, limits: Limits, record: ModelRecord) -> Dict[str, Any]:
    """What `/info` answers: the model's name, its tasks with the levels that they read, their labels and, where there
    is one, their calibration and score, and whether they take other labels, the digest of its weights, hmtl's version
    and the limits."""
    model = predictor.model
    tasks: Dict[str, Dict[str, Any]] = {
        task: {
            "predicts": layer,
            "labels": predictor.labels[task],
            "reads": sorted({*model.read_levels[task], *model.reads_labels[task]}),
            **({"calibration": model.calibration[task]._asdict()} if task in model.calibration else {}),
            **({"score": record.scores[task]} if task in record.scores else {}),
        }
        for task, layer in sorted(predictor.layers.items())
    }
    for task in predictor.tasks_with_label_texts:
        tasks[task]["takes_labels"] = True
    return {
        "model": name,
        "version": VERSION,
        "weights_sha256": weights_digest(predictor.model),
        "tasks": tasks,
        "limits": asdict(limits),
    }


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256, in hexadecimal, over the names, types, shapes and values of all parameters and buffers, by name.

    Equal weights have equal digests, whatever the file they were read from: a run's directory, its archive or another
    format.
    """
    digest = hashlib.sha256()
    weights = {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}
    add_to_digest(digest, weights, end="\n")
    return digest.hexdigest()


def _card_page(info: Dict[str, Any], layers: Mapping[str, str], card: str) -> str:
    """An HTML page of what `/info` answers, and of the model's card; `layers` has the tasks from the lowest up."""
    return "".join(document("model.html", info["model"], themed(), info=info, kinds=kinds_of(layers), card=card))


class ServedModel:
    """One model with its queue, its pages, in which `ADDRESS` stands for the server's, and what `/info` tells of it."""

    def __init__(
        self,
        name: str,
        predictor: HMTLPredictor,
        limits: Limits,
        title: str,
        metrics: Metrics,
        record: ModelRecord,
    ) -> None:
        self.name = name
        self.info = describe(predictor, name, limits, record)
        # Where several tasks take labels, a list does not say whose they are.
        asked = [predictor.labels[task] for task in predictor.tasks_with_label_texts]
        self.page = server_page(
            title,
            predictor.layers,
            limits.max_characters,
            labels=asked[0] if len(asked) == 1 else None,
            about={
                **self.info,
                "tasks": {task: self.info["tasks"][task] for task in predictor.layers},
                "card": "model",
            },
            preview=f"{ADDRESS}preview.png",
            pairs=predictor.reads_pairs,
        )
        self.card_page = _card_page(self.info, predictor.layers, record.card)
        self.service = PredictionService(predictor, limits, metrics)


class Models:
    """The models that a server has, of which the first answers where none is named.

    # Parameters

    predictors : `Mapping[str, HMTLPredictor]`
        By their names, at least one.
    limits : `Limits`
        The queue is that of each model.
    title : `str`
        The heading of their pages.
    record_of : `Callable[[str, HMTLPredictor], ModelRecord]`, optional
        What is known of a model beside its weights, by its name; asked again when models are replaced.
    """

    def __init__(
        self,
        predictors: Mapping[str, HMTLPredictor],
        limits: Limits,
        title: str,
        record_of: Callable[[str, HMTLPredictor], ModelRecord] = no_record,
    ) -> None:
        self.metrics = Metrics(lambda: sum(model.service.batcher.num_waiting for model in list(self)))
        self._limits = limits
        self._title = title
        self._record_of = record_of
        self._one_at_a_time = asyncio.Lock()
        self._by_name = self._served(predictors)
        self.metrics.tell_models(model.info for model in self)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._by_name.values())

    @property
    def names(self) -> List[str]:
        return list(self._by_name)

    @property
    def first(self) -> ServedModel:
        return next(iter(self._by_name.values()))

    def named(self, name: Optional[str]) -> ServedModel:
        """The model of a name, the first for `None`.

        # Raises

        BadRequest
            Where there is none.
        """
        if name is None:
            return self.first
        if name not in self._by_name:
            advice = did_you_mean(name[:40], self._by_name, f"the models are: {', '.join(self._by_name)}")
            raise BadRequest(f"unknown model {name[:40]!r}; {advice}")
        return self._by_name[name]

    def of_request(self, request: Request) -> ServedModel:
        """The model that a path such as `/models/NAME/predict` names, or else the first."""
        return self.named(request.path_params.get("model"))

    def info(self, model: ServedModel) -> Dict[str, Any]:
        """What `/info` tells of a model, with the names of all."""
        return {**model.info, "models": self.names}

    @property
    def alive(self) -> bool:
        """Whether each model answers."""
        return all(model.service.batcher.alive for model in self)

    @property
    def have_room(self) -> bool:
        """Whether each model would take another text."""
        return all(model.service.batcher.num_waiting < self._limits.max_queue for model in self)

    async def warm_up(self) -> None:
        """A first prediction takes longer than the others."""
        await _warmed(self)

    async def replace(self, load: Callable[[], Mapping[str, HMTLPredictor]]) -> None:
        """Puts other models into the place of all, those that `load` returns. They answer what comes from then on; the
        old ones what they took. Where the new ones cannot be loaded or read no text, the old ones stay."""
        async with self._one_at_a_time:
            served = await asyncio.to_thread(lambda: self._served(load()))
            try:
                await _warmed(served.values())
            except Exception:
                _close(served.values(), _CLOSE_SECONDS)
                raise
            # Between the choice of a model and the hand-over of texts to it nothing is awaited.
            old, self._by_name = self._by_name, served
            self.metrics.tell_models(model.info for model in self)
            await asyncio.to_thread(_close, old.values(), None)

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Takes no more; whether all threads have ended after so many seconds each."""
        return _close(self, seconds)

    def abandon(self) -> None:
        """Answers what was taken by `Closed`."""
        for model in self:
            model.service.batcher.abandon()

    def _served(self, predictors: Mapping[str, HMTLPredictor]) -> Dict[str, ServedModel]:
        return {
            name: ServedModel(
                name, predictor, self._limits, self._title, self.metrics, self._record_of(name, predictor)
            )
            for name, predictor in predictors.items()
        }


async def _warmed(models: Iterable[ServedModel]) -> None:
    for model in models:
        await asyncio.wrap_future(model.service.submit([{"text": _WARM_UP}])[0])


def _close(models: Iterable[ServedModel], seconds: Optional[float]) -> bool:
    ended = [model.service.batcher.close(seconds) for model in models]
    return all(ended)
