"""A trained run becomes a folder that needs nothing else: weights, configuration, vocabulary, tokenizer, model card."""

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from allennlp.common import Params
from allennlp.common.params import remove_keys_from_params

from hmtl.common.archives import read_config
from hmtl.common.file_names import (
    ARCHIVED,
    CARD_NAME,
    ENCODER_NAME,
    META_NAME,
    PACKAGE_NAME,
    PARTIAL_SUFFIX,
    SUFFIX,
    VOCABULARY_NAME,
)
from hmtl.common.files import write_json
from hmtl.common.model_names import find_model, package_name
from hmtl.common.packages import packages_of_run
from hmtl.common.reduced_weights import FULL
from hmtl.common.weights import load_weights, main_weights, save_weights
from hmtl.corpora.preparation.output import whole_directory
from hmtl.errors import DataError, UserError
from hmtl.evaluation.evaluate import Evaluation, Run, evaluate_run, load_run
from hmtl.models.calibration import read_calibration, write_calibration
from hmtl.packaging.card import AS_TRAINED, Card
from hmtl.runs.run_directory import RunDirectory
from hmtl.version import VERSION

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?")
# What an encoder's folder has of its configuration and tokenizer, whatever the tokenizer; its weights are the model's.
_ENCODER_FILES = (
    *("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "spm.model"),
    *("tokenizer.model",),
)
# The keys by which parts of a model read a file, of which it has the content once it is trained.
_FILES_OF_TRAINING = ["pretrained_file", "initializer", "override_weights_file"]


@dataclass
class Package:
    """What `hmtl package` writes.

    # Attributes

    folder : `Path`
        The package, which can be loaded as it is.
    num_bytes : `int`
        All its files together.
    evaluation : `Optional[Evaluation]`
        Of the package, and of the weights in 32 bits where it has fewer; `None` where it was not measured.
    notes : `List[str]`
        What a user should know.
    """

    folder: Path
    num_bytes: int
    evaluation: Optional[Evaluation]
    notes: List[str]


def write_package(
    run: Union[str, os.PathLike],
    name: str,
    output: Path,
    version: str = "0.1.0",
    bits: int = FULL,
    card: Optional[Card] = None,
    measure: Optional[bool] = None,
    device: Optional[torch.device] = None,
    force: bool = False,
) -> Package:
    """Writes the package of a run's best weights, with its calibration, into `output/name`.

    # Parameters

    run : `Union[str, os.PathLike]`
        The directory that was trained in.
    name : `str`
        A name that Python can import: small letters, digits and `_`.
    output : `Path`
    version : `str`, optional (default = `"0.1.0"`)
    bits : `int`, optional (default = `32`)
        What weights are stored in: 32, 16 or 8; see `hmtl.common.reduced_weights`.
    card : `Card`, optional
        What the run itself cannot tell of the model.
    measure : `bool`, optional (default = `None`)
        Whether to score the package on test data, beside baselines and the weights in 32 bits; by default where the
        data are at hand.
    device : `torch.device`, optional (default = the CPU)
        That of the scoring.
    force : `bool`, optional (default = `False`)
        Replace a package of this name.

    # Raises

    UserError, DataError
        Where the name or the version is none, this is no trained run, its model reads files that are no encoder's, the
        folder is there already, or data cannot be read that are to be.
    """
    directory = RunDirectory(find_model(run))
    weights = main_weights(directory.path) if directory.path.is_dir() else None
    if weights is None or not directory.config.is_file() or package_name(directory.path) is not None:
        raise UserError(f"{directory.path}: expected the directory of a trained run; an archive, or a package, is none")
    if not _NAME.fullmatch(name):
        raise UserError(f"--name {name}: expected a name that Python can import: small letters, digits and _")
    if not _VERSION.fullmatch(version):
        raise UserError(f"--version {version}: expected a release such as 0.1.0")
    target = output / name
    if target.exists() and not force:
        raise UserError(f"{target}: is there already; --force replaces it, and --output names another folder")
    config = read_config(directory.path).as_dict(quiet=True)
    # Of an older package every file was written by it.
    with whole_directory(target, force, lambda name: True, PACKAGE_NAME) as folder:
        data = _write_files(directory, folder, config, weights, bits)
        record = {"name": name, "version": version, "hmtl": VERSION, "bits": bits}
        write_json(folder / PACKAGE_NAME, record)
        packaged = load_run(folder, data=data)
        evaluation, notes = _measured(packaged, measure, None if bits == FULL else weights, device)
        if evaluation is not None:
            evaluation = _without_places(evaluation, config)
            evaluation.write(RunDirectory(folder).evaluation())
        card = card or Card()
        write_json(folder / PACKAGE_NAME, {**record, **card.record(packaged.model, evaluation)})
        text = card.text(record, directory, config, packaged.model, evaluation, _size(folder))
        (folder / CARD_NAME).write_text(text, encoding="utf-8")
        (folder / "__init__.py").write_text(
            f'"""A model of hmtl: `hmtl.load("{name}")` loads it."""\n', encoding="utf-8"
        )
        num_bytes = _size(folder)
    needed = " ".join(f"--include-package {package}" for package in packages_of_run(directory.path))
    if needed:
        notes.append(f"it holds no code: whoever uses it needs {needed}, as its training did")
    return Package(target, num_bytes, evaluation, notes)


def _write_files(
    directory: RunDirectory, folder: Path, config: Dict[str, Any], weights: Path, bits: int
) -> Optional[Path]:
    """Writes what the model is loaded from. Returns the folder that the paths of data count from in the package; those
    in `config` are made so."""
    shutil.copytree(directory.vocabulary, folder / VOCABULARY_NAME, ignore=shutil.ignore_patterns(".*"))
    if directory.meta.exists():
        shutil.copy(directory.meta, folder / META_NAME)
    stored = folder / f"{ARCHIVED}{SUFFIX}"
    save_weights(stored, load_weights(weights), bits)
    calibration = read_calibration(directory.path, weights)
    if calibration:
        write_calibration(folder, stored, calibration)
    model = Params(config["model"])
    remove_keys_from_params(model, _FILES_OF_TRAINING)
    config["model"] = model.as_dict(quiet=True)
    encoders: Dict[str, str] = {}
    for part in ("dataset_reader", "validation_dataset_reader", "model"):
        if part in config:
            _take_encoders(config[part], encoders, folder, part)
    data = _relative_data(config)
    write_json(folder / directory.config.name, config)
    return data


def _take_encoders(value: Any, encoders: Dict[str, str], folder: Path, key: str) -> None:
    """Copies the files of each encoder that a configuration names, once, and has it name the copies."""
    for name, each in list(value.items()) if isinstance(value, dict) else enumerate(value):
        place = f"{key}.{name}"
        if isinstance(each, (dict, list)):
            _take_encoders(each, encoders, folder, place)
        elif name == "model_name" and isinstance(each, str):
            if each not in encoders:
                copy = ENCODER_NAME if not encoders else f"{ENCODER_NAME}_{len(encoders) + 1}"
                _copy_encoder(each, folder / copy, place)
                encoders[each] = copy
            value[name] = encoders[each]
            if key.startswith("model."):  # its weights are among the model's
                value["load_weights"] = False
        elif isinstance(each, str) and (os.path.isabs(each) or "/" in each) and os.path.exists(each):
            raise UserError(
                f"{place}: the model reads {each}, and a package has room for encoders of transformers alone"
            )


def _copy_encoder(model_name: str, folder: Path, place: str) -> None:
    """The configuration and the tokenizer of an encoder, from its folder or from the hub."""
    source = Path(model_name)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        try:
            source = Path(snapshot_download(model_name, allow_patterns=list(_ENCODER_FILES)))
        except Exception as error:
            raise UserError(f"{place}: {model_name} is no folder here, and cannot be fetched: {error}") from error
    folder.mkdir()
    for name in _ENCODER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _relative_data(config: Dict[str, Any]) -> Optional[Path]:
    """Has the paths of data count from the folder that holds them all, which is returned; `None` where some are no
    paths, but objects of several."""
    keys = [key for key in ("train_data_path", "validation_data_path", "test_data_path") if config.get(key)]
    paths = [
        path for key in keys for path in (config[key].values() if isinstance(config[key], dict) else [config[key]])
    ]
    if not paths or not all(isinstance(path, str) and not path.startswith("{") for path in paths):
        return None
    root = os.path.commonpath([os.path.dirname(os.path.abspath(path.partition("#")[0])) for path in paths])
    for key in keys:
        found = config[key]
        config[key] = (
            {task: os.path.relpath(path, root) for task, path in found.items()}
            if isinstance(found, dict)
            else os.path.relpath(found, root)
        )
    return Path(root)


def _measured(
    run: Run, measure: Optional[bool], as_trained: Optional[Path], device: Optional[torch.device]
) -> Tuple[Optional[Evaluation], List[str]]:
    """The scores of a package, and of the weights that it was made from where these are given."""
    if measure is False:
        return None, ["not measured; the model card has no scores"]
    if as_trained is not None:
        run.weights[AS_TRAINED] = as_trained
    try:
        return evaluate_run(run, device=device), []
    except (DataError, UserError) as error:
        if measure:
            raise
        return None, [
            f"not measured, since test or training data are not at hand ({error}); the model card has no scores"
        ]
    finally:
        run.weights.pop(AS_TRAINED, None)
        run.load_weights(str(run.package))


def _without_places(evaluation: Evaluation, config: Dict[str, Any]) -> Evaluation:
    """The same, with no path of the machine that it was made on."""
    paths = {
        key: dict.fromkeys(evaluation.tasks, found) if isinstance(found, str) else found
        for key, found in ((key, config.get(key) or {}) for key in ("test_data_path", "train_data_path"))
    }
    return replace(
        evaluation,
        run=Path(evaluation.run).name.strip(".").removesuffix(PARTIAL_SUFFIX),
        weights={name: f"{ARCHIVED}{SUFFIX}" if name != AS_TRAINED else name for name in evaluation.weights},
        data_path={task: paths["test_data_path"][task] for task in evaluation.data_path},
        train_data_path={task: paths["train_data_path"][task] for task in evaluation.train_data_path},
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
