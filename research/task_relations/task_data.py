"""The data of the tasks of a study, as its `tasks.json` names them."""

from pathlib import Path
from typing import Dict, Iterable, Tuple

from allennlp.common import Tqdm

from hmtl.corpora.corpus import documents_shared
from research.task_relations.data_features import Sentences
from research.task_relations.features import FEATURES, TaskFeatures, study_features
from research.task_relations.study import TASKS, read_study


def read_sentences(directory: Path, tasks: Iterable[str]) -> Dict[str, Tuple[Sentences, Sentences]]:
    """Training and validation sentences of those tasks that `tasks.json` names; none where there is no such file.

    # Raises

    UserError
        Where the file, or the data of a task, cannot be read.
    """
    path = directory / TASKS
    if not path.is_file():
        return {}
    from research.task_relations.run.tasks import labelled_sentences, read_tasks

    entries = read_tasks(path)
    named = [task for task in tasks if task in entries]
    with documents_shared():
        return {
            task: (labelled_sentences(entries[task], "train"), labelled_sentences(entries[task], "validation"))
            for task in Tqdm.tqdm(named, desc="data of tasks")
        }


def write_features(directory: Path) -> TaskFeatures:
    """Measures the tasks of a study, and writes its `features.csv`.

    # Raises

    UserError
        Where the study, or the data of a task, cannot be read.
    """
    study = read_study(directory)
    sentences = read_sentences(directory, study.tasks)
    features = study_features(study, sentences)
    features.notes = [*study.missing(), *features.notes]
    without = [task for task in study.tasks if task not in sentences]
    if without:
        features.notes.append(f"{TASKS} does not name the data of {', '.join(without)}: features of their curves alone")
    features.write(directory / FEATURES)
    return features
