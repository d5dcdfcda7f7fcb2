"""Training on documents: the configuration is written, and trained by.

What has to be imported to train is imported late: what was found in the documents is known before.
"""

import json
import os
import shutil
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ContextManager,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from hmtl.common.explain import explain
from hmtl.common.files import atomic_write
from hmtl.common.json_text import parse_json
from hmtl.common.overrides import Overrides, without_removals_made
from hmtl.corpora.training_data import TEST, Source, TaskData, read_training_data
from hmtl.document import write_jsonl
from hmtl.errors import DataError, UserError
from hmtl.experiments.recipe import PLAIN, Recipe, Task, configuration, find_tasks, placed, with_overrides
from hmtl.runs.run_directory import RunDirectory

if TYPE_CHECKING:
    from hmtl.experiments.trained_run import TrainedRun

_RUNS = Path("runs")
# What configurations are written in. JSON may hold documents as well.
_OF_CONFIGURATIONS = (".jsonnet", ".libsonnet", ".json")
_SECTIONS = {"dataset_reader", "model", "trainer", "data_loader"}
_OF_DOCUMENTS = {"doc_key", "documents", "sentences", "text", "tokens"}


class Prepared(NamedTuple):
    """An experiment that was written, and can be trained.

    # Attributes

    directory : `Path`
        That of the run.
    config : `Path`
        The configuration.
    tasks : `List[Task]`
    notes : `List[str]`
        What a user should know of the documents.
    made : `List[Path]`
        What is there that was not before.
    """

    directory: Path
    config: Path
    tasks: List[Task]
    notes: List[str]
    made: List[Path]

    @property
    def has_test_data(self) -> bool:
        """Whether every task has some."""
        return all(TEST in task.documents for task in self.tasks)

    @contextmanager
    def unless_mistaken(self) -> Iterator[None]:
        """Where training ends in it by a mistake of the user's, before the run has begun, what was written is removed,
        so that the mended command can run as it stands."""
        try:
            yield
        except Exception as error:
            if explain(error) is not None and not (self.directory.exists() and RunDirectory(self.directory).entries()):
                for path in reversed(self.made):
                    if path.is_dir():
                        shutil.rmtree(path)
                    else:
                        path.unlink(missing_ok=True)
            raise


def is_configuration(path: Union[str, os.PathLike]) -> bool:
    """Whether a path names a configuration, not documents: by its name, and of JSON files by what they hold."""
    text = os.fspath(path)
    if os.path.isdir(text) or not text.endswith(_OF_CONFIGURATIONS):
        return False
    if not text.endswith(".json"):
        return True
    with suppress(OSError, UnicodeDecodeError):
        content = Path(text).read_text(encoding="utf-8").strip()
        for part in (content, content.partition("\n")[0]):  # some documents are in JSON lines by this name
            with suppress(UserError, DataError):
                found = parse_json(part, "an object of settings", text)
                return isinstance(found, dict) and (not _SECTIONS.isdisjoint(found) or _OF_DOCUMENTS.isdisjoint(found))
    return True  # jsonnet, or a mistake to be told as one


def default_directory(name: str) -> Path:
    """A directory for a run that is not there yet: `runs/NAME-1`, or the next number."""
    number = 1
    while (_RUNS / f"{name}-{number}").exists():
        number += 1
    return _RUNS / f"{name}-{number}"


def last_directory(name: str) -> Path:
    """The last run that `default_directory` has named.

    # Raises

    UserError
        Where there is none.
    """
    numbers = [path.name.removeprefix(f"{name}-") for path in _RUNS.glob(f"{name}-*") if path.is_dir()]
    found = sorted(int(number) for number in numbers if number.isdecimal())
    if not found:
        raise UserError(f"{_RUNS / name}-*: there is no run to go on with; name its directory by -s")
    return _RUNS / f"{name}-{found[-1]}"


def prepare(
    data: Optional[Source] = None,
    tasks: Union[None, Sequence[str], Mapping[str, TaskData]] = None,
    recipe: Recipe = PLAIN,
    directory: Union[None, str, os.PathLike] = None,
    force: bool = False,
    written_by: str = "hmtl.train",
    format: Optional[str] = None,
    overrides: Sequence[Overrides] = (),
) -> Prepared:
    """Writes an experiment on documents into the directory of a run: its configuration and, unless they lie in the
    project's layout already, the documents. Nothing is trained, and no torch imported.

    # Parameters

    data : `Source`, optional
        The documents of all tasks; see `read_training_data`.
    tasks : `Union[None, Sequence[str], Mapping[str, TaskData]]`, optional
        The names of the tasks to learn from `data`, by default all that it has; or, without `data`, each task's own.
    recipe : `Recipe`, optional
    directory : `Union[None, str, os.PathLike]`, optional (default = `runs/NAME-1`, or the next number)
    force : `bool`, optional (default = `False`)
        Write over an experiment that is there.
    written_by : `str`, optional
        For the comment at the top of the configuration.
    format : `str`, optional (default = `None`)
        The format of files of documents, by its name or as JSON with its options; by default it is found.
    overrides : `Sequence[Overrides]`, optional
        Of the configuration, which is written with them.

    # Raises

    UserError, DataError
        Where the documents cannot be used, or the directory is not free.
    """
    if isinstance(tasks, str):
        tasks = tasks.split(",")
    if isinstance(tasks, Mapping):
        if data is not None:
            raise UserError("tasks have their own documents; leave out 'data', or give the names of tasks")
        found, name, notes = find_tasks(tasks), "-".join(tasks), []
    elif data is None:
        raise UserError("there is nothing to train on; give documents, or tasks: {'ner': hmtl.tasks.ner(documents)}")
    else:
        read = read_training_data(data, recipe.seed, format)
        found, name = find_tasks(read, tasks), read.name
        notes = [f"{read.name}: {read.sizes()} documents", *read.notes]
    for task in found:
        if task.unknown_labels:
            labels = ", ".join(task.unknown_labels)
            notes.append(f"{task.name}: training data lack {labels}; what else has them is missed")
    run = RunDirectory(default_directory(name) if directory is None else directory)
    _check_free(run, force)
    made = [path for path in (run.path, run.data, run.editable_config) if not path.exists()]
    to_write = placed(found, run.data)
    about = [
        f"Written by '{written_by}'. Edit it, and train another run by",
        f"  hmtl train {run.editable_config} -s runs/another",
    ]
    text = with_overrides(configuration(found, recipe, about), overrides, run.editable_config)
    run.path.mkdir(parents=True, exist_ok=True)
    for path, documents in to_write.items():
        write_jsonl(documents, path)
    with atomic_write(run.editable_config) as file:
        file.write(text)
    return Prepared(run.path, run.editable_config, found, notes, made)


def train(
    data: Optional[Source] = None,
    tasks: Union[None, Sequence[str], Mapping[str, TaskData]] = None,
    encoder: Optional[str] = None,
    frozen: bool = False,
    levels: Optional[Mapping[str, Any]] = None,
    serialization_dir: Union[None, str, os.PathLike] = None,
    epochs: Optional[int] = None,
    batch_size: Optional[int] = None,
    lr: Optional[float] = None,
    seed: int = 13370,
    overrides: Optional[Mapping[str, Any]] = None,
    recover: bool = False,
    force: bool = False,
    verbose: bool = False,
) -> "TrainedRun":
    """Trains on documents, as `hmtl train DATA` does, and returns the run.

    ```
    run = hmtl.train("my_documents", encoder="microsoft/deberta-v3-small")
    run = hmtl.train(tasks={"ner": hmtl.tasks.ner(documents), "relation": hmtl.tasks.relation("redocred")})
    print(run.evaluate())
    run.predict("Ada Lovelace lived in London.")
    ```

    # Parameters

    data : `Source`, optional
        The documents of all tasks: a list of `Document`s, `{"train": [...], "dev": [...], "test": [...]}`, or the path
        of a file or folder. A path may also name a configuration; then only `serialization_dir`, `overrides` and what
        stands below it here are to be given.
    tasks : `Union[None, Sequence[str], Mapping[str, TaskData]]`, optional
        The names of the tasks to learn from `data`, in a list or one string with commas, by default all that it has;
        or, without `data`, each task's own documents: `hmtl.tasks.ner(documents)`, `emd`, `relation` and `coref`.
    encoder : `str`, optional
        A pretrained encoder of transformers, its name or folder, which is fine-tuned. Without one, words and characters
        are learned from the documents.
    frozen : `bool`, optional (default = `False`)
        Leave the encoder as it is, and learn levels above it.
    levels : `Mapping[str, Any]`, optional
        For some tasks, the list of tasks that their levels read, such as `{"relation": ["ner"]}`, or keys of the level,
        such as `{"ner": {"encoder": {"hidden_size": 32}}}`.
    serialization_dir : `Union[None, str, os.PathLike]`, optional (default = `runs/NAME-1`, or the next number)
        The directory of the run.
    epochs, batch_size, lr : optional
        By default what the recipe has; `lr` is the encoder's where that is fine-tuned.
    seed : `int`, optional (default = `13370`)
    overrides : `Mapping[str, Any]`, optional
        Other keys of the configuration, as for `hmtl train -o`: `{"trainer.patience": 5}`. The configuration that is
        written has them.
    recover : `bool`, optional (default = `False`)
        Go on with the run in `serialization_dir`.
    force : `bool`, optional (default = `False`)
        Replace what is there.
    verbose : `bool`, optional (default = `False`)
        Show the log, which is in the run's `out.log`.

    # Raises

    UserError, DataError, ConfigurationError
        Where the documents, the options or the directory cannot be used.
    """
    for name, number in {"epochs": epochs, "batch_size": batch_size, "lr": lr}.items():
        if number is not None and (not isinstance(number, (int, float)) or number <= 0):
            raise UserError(f"{name}: expected a number above 0, found {number!r}")
    written: ContextManager[None] = nullcontext()
    changes = [dict(overrides or {})]
    if isinstance(data, (str, os.PathLike)) and is_configuration(data):
        if serialization_dir is None:
            raise UserError("a configuration needs a directory for its run; give serialization_dir")
        config, run = os.fspath(data), RunDirectory(serialization_dir)
    elif recover:
        if serialization_dir is None:
            raise UserError("to recover a run, give its serialization_dir")
        run = RunDirectory(serialization_dir)
        config = os.fspath(run.editable_config)
        changes = to_go_on_with(run, changes, epochs)
    else:
        recipe = Recipe(encoder, frozen, epochs, batch_size, lr, seed, dict(levels or {}))
        prepared = prepare(data, tasks, recipe, serialization_dir, force, overrides=changes)
        config, run = os.fspath(prepared.config), RunDirectory(prepared.directory)
        written, changes = prepared.unless_mistaken(), []
    with written:
        train_by(config, os.fspath(run.path), json.dumps(changes), recover=recover, force=force, verbose=verbose)
    from hmtl.experiments.trained_run import load

    return load(run.path)


def to_go_on_with(run: RunDirectory, overrides: Sequence[Overrides], epochs: Optional[int] = None) -> List[Overrides]:
    """The overrides by which a run from documents is gone on with, of those that are given and `epochs`. Its
    configuration was written with those that it was begun with, and these may be given again."""
    if not run.editable_config.exists():
        return list(overrides)
    from allennlp.common import Params

    config = Params.from_file(os.fspath(run.editable_config)).as_dict(quiet=True)
    given = [{"trainer.num_epochs": epochs}] * (epochs is not None)
    return [*given, *(without_removals_made(config, each) for each in overrides)]


def train_by(
    config: str,
    directory: str,
    overrides: Union[str, Dict[str, Any]] = "",
    **options: Any,
) -> None:
    """Trains by a configuration; `options` are those of `train_model`."""
    from allennlp.common import Params

    from hmtl.common.environment import onednn_cache_limited
    from hmtl.common.process import process_as_found
    from hmtl.training.launch import train_model

    with onednn_cache_limited(), process_as_found():
        params = Params.from_file(config, overrides)
        train_model(params, directory, configuration=config, return_model=False, **options)


def _check_free(run: RunDirectory, force: bool) -> None:
    if force:
        return
    if run.path.is_dir() and run.entries():
        goes_on = "--recover goes on with the run in it, " if run.is_trained() else ""
        raise UserError(
            f"{run.path}: already exists and is not empty; {goes_on}--force replaces what is there, and -s names "
            "another directory"
        )
    if run.editable_config.exists():
        raise UserError(
            f"{run.editable_config}: is there already; 'hmtl train {run.editable_config} -s {run.path}' trains by it, "
            "and --force writes it anew"
        )
