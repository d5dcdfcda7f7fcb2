"""A model that starts from a trained one."""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, cast

from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder

from hmtl.common.checks import it_has
from hmtl.common.distributed import get_rank
from hmtl.common.files import write_json
from hmtl.errors import UserError
from hmtl.models.finetuning.transfer import Transfer, parts_of, transfer
from hmtl.models.hmtl import HMTL, Level, load_hmtl_archive
from hmtl.runs.run_directory import RunDirectory

logger = logging.getLogger(__name__)


@Model.register("hmtl_finetuned")
class FinetunedHMTL(HMTL):
    """An `HMTL` model that starts with the weights of a trained one, wherever these mean the same: see `transfer`.

    What is taken, reordered and reinitialised is logged, and written to `finetuning.json` in the directory of the run.
    The archive is read when training starts, and never again: not to recover the run from a checkpoint, and not to load
    its own archive.

    # Parameters

    pretrained_file : `str`
        The trained model: a `model.tar.gz`, the directory of a run, or a model's name. `pretrained_file` is AllenNLP's
        name for what a trained model does without, and it leaves that out when it loads one; without it nothing is
        taken or frozen.
    freeze : `List[str]`, optional (default = `[]`)
        What is not trained: `embedding`, `shared_encoder`, a level by its name, or `LEVEL.encoder` or `LEVEL.head`
        alone. Parts that had to be reinitialised are trained all the same. A task that has nothing left to train takes
        no part in the updates, and is still validated. Dropout stays as it is.

    The other parameters are those of `HMTL`.

    # Raises

    UserError
        Where there is no archive, it is damaged, or it holds another kind of model.
    ConfigurationError
        Where `freeze` names what the model does not have.
    """

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        levels: Dict[str, Level],
        pretrained_file: str = None,
        freeze: List[str] = None,
        serialization_dir: str = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(vocab, text_field_embedder, levels, **kwargs)
        chosen = self._parts_to_freeze(freeze or [])
        if pretrained_file is None:
            return
        run = None if serialization_dir is None else RunDirectory(serialization_dir)
        if run is not None and run.has_checkpoint():
            self._freeze(_read_report(run.finetuning).frozen)
            return
        report = transfer(cast(HMTL, load_hmtl_archive(pretrained_file).model), self, chosen)
        report.frozen = [part for part in chosen if part in report.taken]
        self._freeze(report.frozen)
        for part in sorted(set(chosen) - set(report.frozen)):
            logger.warning("%s is trained all the same, as it is reinitialised", part)
        _log(pretrained_file, report)
        if run is not None and run.path.is_dir() and get_rank() == 0:
            write_json(run.finetuning, {"archive": os.fspath(pretrained_file), **asdict(report)})

    def _parts_to_freeze(self, names: List[str]) -> List[str]:
        parts = list(parts_of(self))
        groups = {
            "embedding": [part for part in parts if part.startswith("text_field_embedder")],
            "shared_encoder": [part for part in parts if part == "shared_encoder"],
        }
        for task in self.tasks:
            groups[task] = [part for part in parts if part in (f"encoders.{task}", f"heads.{task}")]
            groups[f"{task}.encoder"] = [part for part in groups[task] if part.startswith("encoders.")]
            groups[f"{task}.head"] = [f"heads.{task}"]
            groups[f"{task}.label_embeddings"] = [part for part in parts if part == f"label_embeddings.{task}"]
        groups = {name: group for name, group in groups.items() if group}
        for name in names:
            if name not in groups:
                raise ConfigurationError(f"model.freeze: the model has no '{name}'; {it_has(name, groups)}")
        return [part for part in parts if any(part in groups[name] for name in names)]

    def _freeze(self, names: List[str]) -> None:
        parts = parts_of(self)
        for name in names:
            parts[name].requires_grad_(False)


def _read_report(path: Path) -> Transfer:
    if not path.exists():
        raise UserError(f"{path}: no such file; it says which parts of this run are frozen, and the run began with it")
    report: Dict[str, Any] = json.loads(path.read_text())
    report.pop("archive")
    return Transfer(**report)


def _log(archive: str, report: Transfer) -> None:
    logger.info("%s: taken: %s", archive, _listed(report.taken))
    for part, labels in report.reordered.items():
        logger.info("%s: labels reordered from: %s", part, _listed(labels))
    for embedding, counts in report.entries.items():
        logger.info(
            "%s: %d entries of '%s' taken, %d new, %d of the archive left out",
            embedding, counts["taken"], counts["namespace"], counts["new"], counts["left_out"],
        )  # fmt: skip
    for part, reason in report.reinitialised.items():
        logger.warning("%s: reinitialised: %s", part, reason)
    logger.info("in the archive alone: %s", _listed(report.unused))
    logger.info("frozen: %s", _listed(report.frozen))


def _listed(names: Optional[List[str]]) -> str:
    return ", ".join(names or []) or "nothing"
