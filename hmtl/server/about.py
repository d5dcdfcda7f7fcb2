"""What lies beside the weights of a model and tells of it: its scores, and its card."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from hmtl.common.archives import read_json_object
from hmtl.common.figures import foremost
from hmtl.common.file_names import BEST, CARD_NAME, PACKAGE_NAME
from hmtl.runs.run_directory import RunDirectory
from hmtl.tasks.kind import Kind


@dataclass(frozen=True)
class ModelRecord:
    """What is known of a model beside its weights.

    # Attributes

    scores : `Mapping[str, Mapping[str, Any]]`
        Of tasks the foremost figure of these very weights: its `figure`, its `value`, from 0 to 1, and the `split` of
        the data.
    card : `str`
        The model card, in Markdown; empty where there is none.
    """

    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    card: str = ""

    @classmethod
    def read(cls, model: Path, kinds: Mapping[str, Kind], weights_file: Optional[str] = None) -> "ModelRecord":
        """The record of a run's directory, of an archive that lies in it, or of a package; empty where there is none.

        # Parameters

        model : `Path`
        kinds : `Mapping[str, Kind]`
            The kind of each task.
        weights_file : `str`, optional (default = the best of all)
            Those that are served, where they are other ones.

        # Raises

        UserError
            Where a record is no JSON object.
        """
        directory = model if model.is_dir() else model.parent
        package, card = directory / PACKAGE_NAME, directory / CARD_NAME
        if package.is_file():
            tasks = read_json_object(package).get("tasks", {})
            scores = {task: tasks[task]["score"] for task in kinds if tasks.get(task, {}).get("score")}
            return cls(scores, card.read_text(encoding="utf-8") if card.is_file() else "")
        evaluation = Path(RunDirectory(directory).evaluation())
        if not evaluation.is_file():
            return cls()
        record = read_json_object(evaluation)
        own = record.get("scores", {}).get(Path(weights_file).stem if weights_file else BEST, {})
        found: Dict[str, Mapping[str, Any]] = {}
        for task, kind in kinds.items():
            score = foremost(own[task]["metrics"], kind.figures, record["split"]) if task in own else None
            if score is not None:
                found[task] = score
        return cls(found)
