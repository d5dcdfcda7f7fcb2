"""What the repaired AllenNLP does where the released one fails, or needs a package that hmtl does not."""

import subprocess
import sys
import textwrap
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

import allennlp
import pytest
import torch
from allennlp.common import Params, file_utils
from allennlp.common.checks import check_for_gpu
from allennlp.common.optional import OptionalPackage
from allennlp.common.registrable import _one_edit_apart
from allennlp.common.util import get_spacy_model, import_module_and_submodules, int_to_device
from allennlp.data.data_loaders.multitask_scheduler import RoundRobinScheduler
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.training.learning_rate_schedulers import LearningRateScheduler
from allennlp.training.optimizers import Optimizer

from hmtl.common.archives import TRUST_VARIABLE, building
from hmtl.common.requirements import EXTRAS
from hmtl.errors import ConfigurationError, UserError


def optimizer(**params: Any) -> Optimizer:
    return Optimizer.from_params(Params(params), model_parameters=list(torch.nn.Linear(2, 2).named_parameters()))


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)


def test_the_changes_are_stated_beside_the_licence() -> None:
    folder = Path(allennlp.__file__).parent
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    changed = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.read_text(encoding="utf-8").startswith("# Changed by hmtl")
    }
    assert len(changed) > 20 and all(f"allennlp/{path}: " in notice for path in changed)


def test_the_start_imports_nothing_that_is_not_asked_for() -> None:
    heavy = [
        "transformers",
        "spacy",
        "sklearn",
        "scipy",
        "nltk",
        "torchvision",
        "h5py",
        "lmdb",
        "cached_path",
        "pytest",
    ]
    code = f"""
        import sys
        import allennlp.commands
        print([name for name in {heavy} if name in sys.modules])
    """
    done = run(code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_all_that_is_left_can_be_imported_without_any_extra() -> None:
    code = """
        import sys
        for name in ("spacy", "sklearn", "h5py", "lmdb", "cached_path", "nltk", "torchvision", "fairscale", "dill",
                     "more_itertools", "termcolor", "base58", "checklist", "PIL"):
            sys.modules[name] = None
        from allennlp.common.plugins import import_plugins
        import_plugins()
        import allennlp.fairness
    """
    done = run(code)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'allennlp.fairness'", done.stderr


def test_including_hmtl_needs_no_extra_and_registers_all_that_a_configuration_names() -> None:
    code = f"""
        import sys
        extras = {sorted(EXTRAS)}
        sys.modules.update(dict.fromkeys(extras))  # None: not to be imported
        from allennlp.common import Registrable
        from allennlp.common.util import import_module_and_submodules
        import_module_and_submodules("hmtl")
        from allennlp.models import Model
        assert "hmtl" in Model.list_available()
        known = {{base: set(names) for base, names in Registrable._registry.items()}}

        for name in extras:
            del sys.modules[name]
        import importlib, pkgutil
        import hmtl
        for module in pkgutil.walk_packages(hmtl.__path__, "hmtl."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        for base, names in Registrable._registry.items():
            for name in set(names) - known.get(base, set()):
                if names[name][0].__module__.startswith("hmtl."):
                    print(base.__name__, name)
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
    later = [line.split() for line in done.stdout.splitlines()]
    # Those of hmtl's own commands, which import them.
    assert later and {base for base, name in later if name != "of_run"} == {"OutputFormat", "Source", "Subcommand"}


def test_a_package_of_the_users_is_included_with_all_its_modules(tmp_path, monkeypatch) -> None:
    (tmp_path / "homemade" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/deep.py"):
        (tmp_path / "homemade" / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    import_module_and_submodules("homemade")
    assert "homemade.inner.deep" in sys.modules


def test_a_missing_package_is_named_with_its_extra_where_it_is_first_used(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "nowhere", raising=False)
    package = OptionalPackage("nowhere.inner", "text")
    with pytest.raises(ConfigurationError, match=r"needs the package nowhere, .* pip install 'hmtl\[text\]'$"):
        package.anything  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        OptionalPackage("nowhere").anything  # noqa: B018
    assert not hasattr(package, "__wrapped__")
    assert OptionalPackage("json").dumps([1]) == "[1]"


def test_files_of_this_machine_need_no_cached_path(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cached_path", None)
    file = tmp_path / "file.txt"
    file.write_text("text")
    assert file_utils.cached_path(file) == str(file)
    assert file_utils.cached_path(tmp_path, extract_archive=True) == str(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert file_utils.cached_path("~/file.txt") == str(file)
    with pytest.raises(FileNotFoundError, match="absent"):
        file_utils.cached_path(tmp_path / "absent")
    assert file_utils.is_url_or_existing_file(file) and file_utils.is_url_or_existing_file("https://a.example/b")
    assert not file_utils.is_url_or_existing_file("absent") and not file_utils.is_url_or_existing_file(None)


def test_an_archive_makes_nothing_be_fetched(monkeypatch) -> None:
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    with building(), pytest.raises(UserError, match="https://a.example/b"):
        file_utils.cached_path("https://a.example/b")
    with building(), pytest.raises(UserError, match="the spaCy pipeline 'en_no_such_pipeline'"):
        get_spacy_model("en_no_such_pipeline", pos_tags=False, parse=False, ner=False)


def test_a_name_of_hmtls_is_found_without_an_import_of_hmtl() -> None:
    done = run(
        """
        from allennlp.models import Model
        from allennlp.training.trainer import Trainer
        assert "hmtl" in Model.list_available()
        print(Trainer.by_name("multi_task"))
        """
    )
    assert "MultiTaskTrainer" in done.stdout, done.stderr


def test_a_cache_file_appears_whole_or_not_at_all(tmp_path) -> None:
    target = tmp_path / "target"
    with file_utils.CacheFile(target) as file:
        file.write(b"whole")
        assert not target.exists()
    with pytest.raises(ValueError), file_utils.CacheFile(target) as file:
        file.write(b"half")
        raise ValueError
    assert target.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [target]


def test_names_one_edit_apart_are_those_that_one_edit_makes() -> None:
    def edits(word: str) -> "set[str]":
        splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
        letters = "abc"
        return {
            *(a + b[1:] for a, b in splits if b),
            *(a + letter + b for a, b in splits for letter in letters),
            *(a + letter + b[1:] for a, b in splits if b for letter in letters),
            *(a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1),
        } - {word}

    words = [""]
    for _ in range(4):
        words = sorted({*words, *(word + letter for word in words for letter in "abc")})
    for first in words:
        near = edits(first)
        assert {second for second in words if _one_edit_apart(first, second)} == near & set(words)


def test_a_round_robin_takes_one_of_each_in_turn() -> None:
    data = {"a": [1, 2, 3, 4, 5], "b": [], "c": [10, 20]}
    batches = list(RoundRobinScheduler(batch_size=2).batch_instances(data))  # type: ignore[arg-type]
    order = [value for round_ in zip_longest(*data.values()) for value in round_ if value is not None]
    assert batches == [order[i : i + 2] for i in range(0, len(order), 2)]
    whole = list(RoundRobinScheduler(batch_size=2, drop_last=True).batch_instances(data))  # type: ignore[arg-type]
    assert whole == batches[:-1] and Counter(map(len, whole)) == {2: 3}


def test_the_plateau_schedule_accepts_what_torch_has_dropped() -> None:
    sgd = optimizer(type="adam", lr=1.0)
    scheduler = LearningRateScheduler.from_params(
        Params({"type": "reduce_on_plateau", "patience": 0, "factor": 0.1, "verbose": True}), optimizer=sgd
    )
    for metric in (1.0, 2.0):
        scheduler.step(metric)
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["constant", "constant_with_warmup", "cosine_with_warmup"])
def test_schedules_of_transformers_are_found(name: str) -> None:
    more = {
        "constant": {},
        "constant_with_warmup": {"num_warmup_steps": 2},
        "cosine_with_warmup": {"num_warmup_steps": 2, "num_training_steps": 4},
    }[name]
    adam = optimizer(type="adam", lr=1.0)
    scheduler = LearningRateScheduler.from_params(Params({"type": name, **more}), optimizer=adam)
    rates = [adam.param_groups[0]["lr"]]
    for _ in range(3):
        scheduler.step()
        rates.append(adam.param_groups[0]["lr"])
    expected = {
        "constant": [1, 1, 1, 1],
        "constant_with_warmup": [0, 0.5, 1, 1],
        "cosine_with_warmup": [0, 0.5, 1, 0.5],
    }
    assert rates == pytest.approx(expected[name])


def test_optimizers_of_transformers_are_torchs_and_its_own() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    twin = torch.nn.Parameter(parameter.detach().clone())
    ours = Optimizer.from_params(
        Params({"type": "huggingface_adamw", "lr": 0.1, "weight_decay": 0.01}), model_parameters=[("p", parameter)]
    )
    reference = torch.optim.AdamW([twin], lr=0.1, weight_decay=0.01, eps=1e-8)
    for step in range(3):
        for each, algorithm in ((parameter, ours), (twin, reference)):
            each.grad = torch.tensor([0.5, step - 1.0])
            algorithm.step()
    assert torch.equal(parameter, twin)
    with pytest.raises(ConfigurationError, match="correct_bias"):
        optimizer(type="huggingface_adamw", correct_bias=False)

    from transformers.optimization import Adafactor

    adafactor = optimizer(type="huggingface_adafactor")
    assert isinstance(adafactor, Adafactor) and isinstance(adafactor, Optimizer.by_name("huggingface_adafactor"))


def test_a_device_number_is_a_gpu() -> None:
    assert int_to_device(1) == torch.device("cuda", 1)
    assert int_to_device(-1) == torch.device("cpu")
    assert int_to_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(ConfigurationError, match="GPU"):
        check_for_gpu(torch.cuda.device_count())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_words_of_padding_have_zeros_under_autocast(dtype: torch.dtype) -> None:
    encoder = CnnEncoder(embedding_dim=3, num_filters=4, ngram_filter_sizes=(2,))
    characters = torch.randn(3, 5, 3)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    expected = encoder(characters, mask)
    with torch.autocast("cpu", dtype=dtype):
        found = encoder(characters, mask)
    assert torch.equal(found, expected)
    assert not found[2].any() and found[:2].any()


def test_progress_in_a_notebook_needs_no_widgets() -> None:
    code = """
        import builtins, sys
        sys.modules["ipywidgets"] = None  # not installed
        shell = type("ZMQInteractiveShell", (), {"__module__": "ipykernel.zmqshell"})
        builtins.get_ipython = shell
        from allennlp.common import Tqdm
        list(Tqdm.tqdm([1, 2]))
    """
    done = run(code)
    assert done.returncode == 0, done.stderr
