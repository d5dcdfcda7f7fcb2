"""What hmtl changes in the released AllenNLP, as source changes: `carry.py` applies them when hmtl is built.

Each repair has its reason, which stands in the NOTICE of the copy, and texts that must stand in the file exactly once.
"""

from typing import NamedTuple, Tuple


class Repair(NamedTuple):
    """Changes of one file, each a text that stands there exactly once and the text that takes its place.

    The functions `dropped` are taken out whole, after the changes: hmtl has its own in their place.
    """

    path: str
    reason: str
    changes: Tuple[Tuple[str, str], ...]
    dropped: Tuple[str, ...] = ()


# Files and folders of `allennlp/` that are not carried, and why.
LEFT_OUT = {
    "commands/_checklist_internal.py": "needs the package checklist, which is no longer maintained",
    "commands/checklist.py": "needs the package checklist",
    "commands/diff.py": "compares checkpoints for a screen, with a package of its own",
    "commands/push_to_hf.py": "uploads models by functions that huggingface_hub has dropped",
    "common/push_to_hf.py": "as above",
    "common/testing/checklist_test.py": "needs the package checklist",
    "confidence_checks/task_checklists": "needs the package checklist",
    "data/image_loader.py": "images; needs torchvision",
    "fairness": "measures and mitigates bias of text classifiers; needs scikit-learn",
    "modules/backbones/vilbert_backbone.py": "images",
    "modules/vision": "images; needs torchvision",
    "nn/checkpoint/fairscale_checkpoint_wrapper.py": "needs fairscale, which is no longer maintained",
    "nn/parallel/fairscale_fsdp_accelerator.py": "needs fairscale",
    "sanity_checks": "a deprecated name of confidence_checks",
    "tools": "programs to be run by hand, and EVALB in C",
    "training/metrics/evalb_bracketing_scorer.py": "calls EVALB, which is left out",
}

_OPTIONAL = "from allennlp.common.optional import OptionalPackage\n"
_LAZY = "the package is imported where it is used, so that the start is fast and it need not be installed"
_TORCH = "torch is imported where it is used: commands that need none start without it"
_LEFT_OUT = "without the parts that are left out"

REPAIRS = (
    Repair(
        "__init__.py",
        "transformers and spaCy are imported where they are used",
        (
            (
                """try:
    # On some systems this prevents the dreaded
    # ImportError: dlopen: cannot load any more object with static TLS
    import transformers, spacy, torch, numpy  # noqa

except ModuleNotFoundError:
    print(
        "Using AllenNLP requires the python packages Spacy, "
        "Pytorch and Numpy to be installed. Please see "
        "https://github.com/allenai/allennlp for installation instructions."
    )
    raise

""",
                "",
            ),
        ),
    ),
    Repair(
        "commands/__init__.py",
        "without the commands that are left out; the others are imported where they are asked for, or all are parsed",
        (
            *(
                (f"from allennlp.commands.{module} import {name}\n", "")
                for module, name in (
                    ("build_vocab", "BuildVocab"),
                    ("cached_path", "CachedPath"),
                    ("checklist", "CheckList"),
                    ("count_instances", "CountInstances"),
                    ("diff", "Diff"),
                    ("evaluate", "Evaluate"),
                    ("find_learning_rate", "FindLearningRate"),
                    ("predict", "Predict"),
                    ("print_results", "PrintResults"),
                    ("push_to_hf", "PushToHf"),
                    ("test_install", "TestInstall"),
                    ("train", "Train"),
                )
            ),
            ("import argparse\nimport logging\n", "import argparse\nimport importlib\nimport logging\n"),
            (
                "logger = logging.getLogger(__name__)\n",
                """logger = logging.getLogger(__name__)

_MODULES = {
    "BuildVocab": "build_vocab",
    "CachedPath": "cached_path",
    "CountInstances": "count_instances",
    "Evaluate": "evaluate",
    "FindLearningRate": "find_learning_rate",
    "Predict": "predict",
    "PrintResults": "print_results",
    "TestInstall": "test_install",
    "Train": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
""",
            ),
            (
                "    # Add all default registered subcommands first.\n",
                "    # Add all default registered subcommands first.\n"
                "    for module in _MODULES.values():\n"
                '        importlib.import_module(f"{__name__}.{module}")\n',
            ),
        ),
    ),
    Repair(
        "commands/subcommand.py",
        "commands are registered by whoever runs them",
        (
            (
                "    _reverse_registry: Dict[Type, str] = {}\n",
                "    registered_by = None\n\n    _reverse_registry: Dict[Type, str] = {}\n",
            ),
        ),
    ),
    Repair(
        "common/__init__.py",
        _LEFT_OUT,
        (("from allennlp.common.push_to_hf import push_to_hf\n", ""),),
    ),
    Repair(
        "common/cached_transformers.py",
        "transformers is imported where a model or a tokenizer is loaded",
        (
            (
                """import transformers
from allennlp.common.checks import ConfigurationError
from transformers import AutoConfig, AutoModel
""",
                f"from allennlp.common.checks import ConfigurationError\n{_OPTIONAL}",
            ),
            (
                "logger = logging.getLogger(__name__)\n",
                'logger = logging.getLogger(__name__)\n\ntransformers = OptionalPackage("transformers")\n',
            ),
            (
                "_model_cache: Dict[TransformerSpec, transformers.PreTrainedModel] = {}",
                '_model_cache: Dict[TransformerSpec, "transformers.PreTrainedModel"] = {}',
            ),
            (
                "    **kwargs,\n) -> transformers.PreTrainedModel:",
                '    **kwargs,\n) -> "transformers.PreTrainedModel":',
            ),
            (
                "    global _model_cache\n    spec =",
                "    AutoConfig, AutoModel = transformers.AutoConfig, transformers.AutoModel\n"
                "    global _model_cache\n    spec =",
            ),
            (
                "_tokenizer_cache: Dict[Tuple[str, str], transformers.PreTrainedTokenizer] = {}",
                '_tokenizer_cache: Dict[Tuple[str, str], "transformers.PreTrainedTokenizer"] = {}',
            ),
            (
                "def get_tokenizer(model_name: str, **kwargs) -> transformers.PreTrainedTokenizer:",
                'def get_tokenizer(model_name: str, **kwargs) -> "transformers.PreTrainedTokenizer":',
            ),
        ),
    ),
    Repair(
        "common/checks.py",
        _TORCH,
        (
            (
                "import torch\nfrom torch import cuda\n",
                f'{_OPTIONAL}\ntorch = OptionalPackage("torch")\ncuda = OptionalPackage("torch.cuda")\n',
            ),
            (
                "def check_for_gpu(device: Union[int, torch.device, List[Union[int, torch.device]]]):",
                'def check_for_gpu(device: Union[int, "torch.device", List[Union[int, "torch.device"]]]):',
            ),
        ),
    ),
    Repair(
        "common/file_utils.py",
        "files of this machine are opened without the package cached_path and its cloud clients, which is needed, and "
        "imported, for addresses and for archives that are to be unpacked; lmdb is imported for the cache of tensors, "
        "torch, numpy and filelock where they are used; an archive that nobody vouches for makes nothing be fetched",
        (
            (
                """import cached_path as _cached_path
from cached_path import (  # noqa: F401
    resource_to_filename as _resource_to_filename,
    check_tarfile,
    is_url_or_existing_file,
    find_latest_cached as _find_latest_cached,
)
from cached_path.cache_file import CacheFile
from cached_path.common import PathOrStr
from cached_path.file_lock import FileLock
from cached_path.meta import Meta as _Meta
import torch
import numpy as np
import lmdb
from torch import Tensor
""",
                _OPTIONAL,
            ),
            (
                "logger = logging.getLogger(__name__)\n",
                '''logger = logging.getLogger(__name__)

PathOrStr = Union[str, PathLike]

_cached_path = OptionalPackage("cached_path", "remote")
_meta = OptionalPackage("cached_path.meta", "remote")
lmdb = OptionalPackage("lmdb", "cache")
np = OptionalPackage("numpy")
torch = OptionalPackage("torch")


def FileLock(lock_file: PathOrStr, timeout: float = -1, read_only_ok: bool = False):
    """
    `filelock.FileLock` with one more argument: `read_only_ok` makes a warning of the error that there is no
    permission to lock a file that exists.
    """
    import filelock

    class Lock(filelock.FileLock):
        def acquire(self, timeout=None, poll_interval=0.05, **kwargs):
            try:
                return super().acquire(timeout=timeout, poll_interval=poll_interval, **kwargs)
            except OSError as err:
                # EPERM, EACCES and EROFS.
                if err.errno not in (1, 13, 30):
                    raise
                if not (os.path.isfile(self.lock_file) and read_only_ok):
                    raise
                warnings.warn(
                    f"Lacking permissions required to obtain lock '{self.lock_file}'. "
                    "Race conditions are possible if other processes are writing to the same resource.",
                    UserWarning,
                )
                return None

    return Lock(str(lock_file), timeout=timeout)


@contextmanager
def CacheFile(cache_filename: PathOrStr, mode: str = "w+b", suffix: str = ".tmp"):
    """
    A temporary file that takes the place of `cache_filename` when the block ends well.
    """
    with tempfile.NamedTemporaryFile(
        mode, dir=os.path.dirname(cache_filename) or ".", delete=False, suffix=suffix
    ) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, cache_filename)
        except BaseException:
            os.remove(file.name)
            raise


def is_url_or_existing_file(url_or_filename: Optional[PathOrStr]) -> bool:
    """
    Whether something is an address or a file or folder that exists.
    """
    if url_or_filename is None:
        return False
    name = os.path.expanduser(str(url_or_filename))
    return "://" in name or os.path.exists(name)
''',
            ),
            ("import pickle\nimport time\n", "import pickle\nimport tempfile\nimport time\n"),
            (
                """    return str(
        _cached_path.cached_path(
            url_or_filename,""",
                """    name = os.path.expanduser(str(url_or_filename))
    if "://" in name:
        from hmtl.common.archives import refuse_fetching

        refuse_fetching(repr(name))
    elif os.path.isdir(name) or (os.path.exists(name) and not extract_archive):
        return str(Path(name))
    elif not os.path.exists(name) and not (extract_archive and "!" in name):
        raise FileNotFoundError(f"file {name} not found")
    return str(
        _cached_path.cached_path(
            name,""",
            ),
            ("        self.lmdb_env: lmdb.Environment\n", ""),
            (
                "class TensorCache(MutableMapping[str, Tensor], ABC):",
                'class TensorCache(MutableMapping[str, "torch.Tensor"], ABC):',
            ),
            (
                "    def __setitem__(self, key: str, tensor: torch.Tensor):",
                '    def __setitem__(self, key: str, tensor: "torch.Tensor"):',
            ),
            (
                "os.path.join(self.cache_dir, _resource_to_filename(resource_name, version))",
                "os.path.join(\n"
                "            self.cache_dir, _cached_path.resource_to_filename(resource_name, version)\n"
                "        )",
            ),
            ("        meta = _Meta(\n", "        meta = _meta.Meta(\n"),
            (
                "    regular_files: List[_Meta]\n    extraction_dirs: List[_Meta]\n",
                "    regular_files: list\n    extraction_dirs: list\n",
            ),
            ("        meta = _Meta.from_path(meta_path)\n", "        meta = _meta.Meta.from_path(meta_path)\n"),
        ),
    ),
    Repair(
        "common/logging.py",
        "a quiet run logs to its file alone, but for warnings: hmtl draws what people watch",
        (
            (
                """By default, it is set to `False`.
\"\"\"
""",
                """By default, it is set to `False`.
\"\"\"

QUIET: bool = False
\"\"\"
If this flag is set to `True`, what a run logs goes to its file alone, but for warnings and errors, and progress bars
are shown on terminals alone, and do not stay.
\"\"\"
""",
            ),
            (
                """    stderr_handler.setLevel(logging.ERROR)
""",
                """    stderr_handler.setLevel(logging.ERROR)
    if QUIET:
        from hmtl.common.characters import VisibleFormatter

        stdout_handler.setLevel(logging.CRITICAL)
        stderr_handler.setLevel(logging.WARNING)
        stderr_handler.setFormatter(VisibleFormatter("%(levelname)s: %(message)s"))
""",
            ),
        ),
    ),
    Repair(
        "common/params.py",
        "a file is written whole or not at all; overrides are merged as hmtl merges them; the variables of hmtl's "
        "configurations are empty where they are not set, as jsonnet cannot ask whether one is; what a configuration "
        "imports may be hmtl's own",
        (
            (
                """    def to_file(self, params_file: str, preference_orders: List[List[str]] = None) -> None:
        with open(params_file, "w") as handle:
            json.dump(self.as_ordered_dict(preference_orders), handle, indent=4)
""",
                """    def to_file(self, params_file: str, preference_orders: List[List[str]] = None) -> None:
        from hmtl.common.files import write_json

        write_json(params_file, self.as_ordered_dict(preference_orders))
""",
            ),
            (
                "    return {key: value for key, value in os.environ.items() if _is_encodable(value)}\n",
                """    from hmtl.common.environment import VARIABLES

    variables = {key: value for key, value in os.environ.items() if _is_encodable(value)}
    return {**dict.fromkeys(VARIABLES, ""), **variables}
""",
            ),
            (
                "        file_dict = json.loads(evaluate_file(params_file, ext_vars=ext_vars))\n",
                """        from hmtl.common.shipped import shipped_folder

        # What is not beside the file is hmtl's own, as `import 'lib/levels.libsonnet'`.
        shipped = str(shipped_folder() / "configs")
        file_dict = json.loads(evaluate_file(params_file, jpathdir=[shipped], ext_vars=ext_vars))
""",
            ),
            (
                """            params_overrides = json.dumps(params_overrides)
        overrides_dict = parse_overrides(params_overrides, ext_vars=ext_vars)

        if overrides_dict:
            param_dict = with_overrides(file_dict, overrides_dict)
""",
                """            params_overrides = json.dumps(params_overrides)
        if params_overrides:
            from hmtl.common.overrides import merged, parse_overrides

            param_dict = merged(file_dict, parse_overrides(params_overrides))
""",
            ),
        ),
        dropped=("parse_overrides", "with_overrides"),
    ),
    Repair(
        "common/plugins.py",
        "helpers for tests, which need pytest, are no plugins; folders that are left out need not be named",
        (
            (
                """            "allennlp.sanity_checks",  # deprecated
            "allennlp.tools",  # things in here are usually run as commands themselves
""",
                """            "allennlp.common.testing",
""",
            ),
        ),
    ),
    Repair(
        "common/registrable.py",
        "suggests a name that is one edit away without NLTK; what hmtl registers is imported when a name is first "
        "looked for; a full path names only what belongs in the place, and only in packages that the user lets in",
        (
            (
                "    default_implementation: Optional[str] = None\n",
                '''    default_implementation: Optional[str] = None

    registered_by: ClassVar[Optional[str]] = "hmtl.registered"
    """
    The module that imports all subclasses that hmtl registers; a name that is not known yet is looked for once more
    after it has been imported.
    """

    @classmethod
    def _import_registered(cls) -> None:
        if cls.registered_by is not None:
            importlib.import_module(cls.registered_by)
''',
            ),
            (
                '_T = TypeVar("_T")\n',
                '''PACKAGES_BY_PATH = {"allennlp", "allennlp_models", "hmtl"}
"""
The top-level packages whose classes a configuration may name by their path; `hmtl.common.packages.allow_packages` adds
to them.
"""

_T = TypeVar("_T")
''',
            ),
            (
                """        if name in Registrable._registry[cls]:
            subclass, constructor = Registrable._registry[cls][name]
""",
                """        if name not in Registrable._registry[cls]:
            cls._import_registered()
        if name in Registrable._registry[cls]:
            subclass, constructor = Registrable._registry[cls][name]
""",
            ),
            (
                """            parts = name.split(".")
            submodule =""",
                """            parts = name.split(".")
            if parts[0] not in PACKAGES_BY_PATH:
                raise ConfigurationError(
                    f"'{name}' is refused as a {cls.__name__}: a configuration may name classes by their path only in "
                    f"{', '.join(sorted(PACKAGES_BY_PATH))}; register the class and use its registered name "
                    "(--include-package imports your package), or call hmtl.common.packages.allow_packages"
                )
            submodule =""",
            ),
            (
                """                subclass = getattr(module, class_name)
                constructor = None
                return subclass, constructor
            except AttributeError:""",
                """                subclass = getattr(module, class_name)
                constructor = None
                if not (isinstance(subclass, type) and issubclass(subclass, cls)):
                    raise ConfigurationError(f"'{name}' is refused: it is not a {cls.__name__}")
                return subclass, constructor
            except AttributeError:""",
            ),
            (
                "        keys = list(Registrable._registry[cls].keys())\n",
                "        cls._import_registered()\n        keys = list(Registrable._registry[cls].keys())\n",
            ),
            (
                "    from nltk.metrics.distance import edit_distance\n\n",
                "",
            ),
            (
                "        if edit_distance(name, suggestion, transpositions=True) == 1:\n",
                "        if _one_edit_apart(name, suggestion):\n",
            ),
            (
                "def _get_suggestion(name: str, available: List[str]) -> Optional[str]:\n",
                '''def _one_edit_apart(first: str, second: str) -> bool:
    """
    Whether one letter inserted, left out or replaced, or two neighbours exchanged, make `second` of `first`.
    """
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    a, b = first[same:], second[same:]
    exchanged = a[:2] == b[1::-1] and a[2:] == b[2:]
    return first != second and (a[1:] == b[1:] or a[1:] == b or a == b[1:] or exchanged)


def _get_suggestion(name: str, available: List[str]) -> Optional[str]:
''',
            ),
        ),
    ),
    Repair(
        "common/testing/__init__.py",
        "torch has deprecated assert_allclose",
        (
            ("from torch.testing import assert_allclose\n", ""),
            (
                """                assert_allclose(
                    metrics[key][subkey], desired_values[key][subkey], rtol=rtol, atol=atol
                )
        else:
            assert_allclose(metrics[key], desired_values[key], rtol=rtol, atol=atol)
""",
                """                _assert_close(metrics[key][subkey], desired_values[key][subkey], rtol, atol)
        else:
            _assert_close(metrics[key], desired_values[key], rtol, atol)


def _assert_close(actual: Any, expected: Any, rtol: float, atol: float) -> None:
    torch.testing.assert_close(
        torch.as_tensor(actual),
        torch.as_tensor(expected),
        rtol=rtol,
        atol=atol,
        check_device=False,
        check_dtype=False,
    )
""",
            ),
        ),
    ),
    Repair(
        "common/tqdm.py",
        "progress is shown as text in a notebook too: widgets need a package that may be missing, and then everything "
        "that has a bar failed; that of a quiet run on terminals alone",
        (
            (
                """try:
    SHELL = str(type(get_ipython()))  # type:ignore # noqa: F821
except:  # noqa: E722
    SHELL = ""

if "zmqshell.ZMQInteractiveShell" in SHELL:
    from tqdm import tqdm_notebook as _tqdm
else:
    from tqdm import tqdm as _tqdm
""",
                "from tqdm import tqdm as _tqdm\n",
            ),
            (
                "            if file_friendly_message.strip():\n",
                "            if file_friendly_message.strip() and not common_logging.QUIET:\n",
            ),
            (
                "        else:\n            sys.stderr.write(message)\n",
                "        elif not common_logging.QUIET or sys.stderr.isatty():\n"
                "            sys.stderr.write(message)\n",
            ),
            (
                """            "mininterval": default_mininterval,
            **kwargs,
""",
                """            "mininterval": default_mininterval,
            "leave": not common_logging.QUIET,
            **kwargs,
""",
            ),
        ),
    ),
    Repair(
        "common/util.py",
        "torch, numpy and spaCy are imported where they are used; an archive that nobody vouches for makes no pipeline "
        "of spaCy's be downloaded; metrics.json is written whole or not at all; dill and base58 made only the key of a "
        "cache; device 0 is GPU 0, where torch now takes the number for whatever accelerator there is and raises where "
        "there is none; the package checklist is not looked for; a package that says so (IMPORTS_ALL_IT_REGISTERS) is "
        "included without importing each of its modules, some of which need extras",
        (
            ("import hashlib\nimport io\n", "import hashlib\n"),
            (
                "import dill\nimport numpy\nimport spacy\nimport torch\nimport torch.distributed as dist\n",
                "",
            ),
            (
                "def int_to_device(device: Union[int, torch.device]) -> torch.device:",
                'def int_to_device(device: Union[int, "torch.device"]) -> "torch.device":',
            ),
            (
                "def log_frozen_and_tunable_parameter_names(model: torch.nn.Module) -> None:",
                'def log_frozen_and_tunable_parameter_names(model: "torch.nn.Module") -> None:',
            ),
            ("    model: torch.nn.Module,\n", '    model: "torch.nn.Module",\n'),
            (
                """    metrics_json = json.dumps(metrics, indent=2)
    if file_path:
        with open(file_path, "w") as metrics_file:
            metrics_file.write(metrics_json)
    if log:
        logger.info("Metrics: %s", metrics_json)
""",
                """    if file_path:
        from hmtl.common.files import write_json

        write_json(file_path, metrics)
    if log:
        logger.info("Metrics: %s", json.dumps(metrics, indent=2))
""",
            ),
            (
                """from spacy.cli.download import download as spacy_download
from spacy.language import Language as SpacyModelType
import base58

from allennlp.common.checks import log_pytorch_version_info
""",
                f"\nfrom allennlp.common.checks import log_pytorch_version_info\n{_OPTIONAL}",
            ),
            (
                "import logging\nimport os\nimport pkgutil\n",
                "import logging\nimport os\nimport pickle\nimport pkgutil\n",
            ),
            (
                "logger = logging.getLogger(__name__)\n",
                "logger = logging.getLogger(__name__)\n\n"
                'numpy = OptionalPackage("numpy")\ntorch = OptionalPackage("torch")\n'
                'dist = OptionalPackage("torch.distributed")\n'
                'spacy = OptionalPackage("spacy", "text")\nSpacyModelType = Any\n',
            ),
            (
                "    elif isinstance(x, (spacy.tokens.Token, Token)):\n",
                "    elif isinstance(x, Token) or is_spacy_token(x):\n",
            ),
            (
                "LOADED_SPACY_MODELS: Dict[",
                '''def is_spacy_token(x: Any) -> bool:
    """
    Whether something is a token of spaCy's; where spaCy was never imported nothing is.
    """
    tokens = sys.modules.get("spacy.tokens")
    return tokens is not None and isinstance(x, tokens.Token)


LOADED_SPACY_MODELS: Dict[''',
            ),
            (
                "            spacy_download(spacy_model_name)\n",
                """            from spacy.cli.download import download
            from hmtl.common.archives import refuse_fetching

            refuse_fetching(f"the spaCy pipeline {spacy_model_name!r}")
            download(spacy_model_name)
""",
            ),
            (
                """        module = importlib.import_module(package_name)
        path =""",
                """        module = importlib.import_module(package_name)
        if getattr(module, "IMPORTS_ALL_IT_REGISTERS", False):
            return
        path =""",
            ),
            (
                """    try:
        import checklist  # noqa
    except ImportError:
        # exclude modules that depends on checklist being present
        exclude |= {"allennlp.confidence_checks.task_checklists"}

""",
                "",
            ),
            (
                '        return torch.device("cpu")\n    return torch.device(device)\n',
                '        return torch.device("cpu")\n    return torch.device("cuda", device)\n',
            ),
            (
                """    m = hashlib.blake2b()
    with io.BytesIO() as buffer:
        dill.dump(o, buffer)
        m.update(buffer.getbuffer())
        return base58.b58encode(m.digest()).decode()
""",
                "    return hashlib.blake2b(pickle.dumps(o)).hexdigest()\n",
            ),
        ),
    ),
    Repair(
        "data/__init__.py",
        _LEFT_OUT,
        (("from allennlp.data.image_loader import ImageLoader, TorchImageLoader\n", ""),),
    ),
    Repair(
        "data/data_loaders/data_collator.py",
        _LAZY,
        (
            ("from transformers.data.data_collator import DataCollatorForLanguageModeling\n", ""),
            (
                "        tokenizer = cached_transformers.get_tokenizer(model_name)\n",
                "        from transformers import DataCollatorForLanguageModeling\n\n"
                "        tokenizer = cached_transformers.get_tokenizer(model_name)\n",
            ),
        ),
    ),
    Repair(
        "data/data_loaders/multitask_scheduler.py",
        "two functions in the place of the package more_itertools",
        (
            (
                "from typing import Any, Dict, Iterable, Union, List, Mapping\n\nimport more_itertools\n\n",
                "from itertools import islice\nfrom typing import Any, Dict, Iterable, Union, List, Mapping\n\n",
            ),
            (
                """def _chunked_iterator(i: Iterable, chunk_size: int, drop_last: bool):
    chunks = more_itertools.chunked(i, chunk_size)
""",
                """def _roundrobin(*iterables: Iterable):
    iterators = [iter(iterable) for iterable in iterables]
    while iterators:
        left = []
        for iterator in iterators:
            try:
                value = next(iterator)
            except StopIteration:
                continue
            yield value
            left.append(iterator)
        iterators = left


def _chunked_iterator(i: Iterable, chunk_size: int, drop_last: bool):
    iterator = iter(i)
    chunks = iter(lambda: list(islice(iterator, chunk_size)), [])
""",
            ),
            (
                "            more_itertools.roundrobin(*epoch_instances.values())",
                "            _roundrobin(*epoch_instances.values())",
            ),
            (
                "        return more_itertools.roundrobin(*chunked_iterators)\n",
                "        return _roundrobin(*chunked_iterators)\n",
            ),
        ),
    ),
    Repair(
        "data/fields/text_field.py",
        "spaCy need not be imported to know its tokens",
        (
            ("from spacy.tokens import Token as SpacyToken\nimport torch\n", "import torch\n"),
            (
                "from allennlp.common.checks import ConfigurationError\n",
                "from allennlp.common.checks import ConfigurationError\n"
                "from allennlp.common.util import is_spacy_token\n",
            ),
            (
                "all(isinstance(x, (Token, SpacyToken)) for x in tokens)",
                "all(isinstance(x, Token) or is_spacy_token(x) for x in tokens)",
            ),
        ),
    ),
    Repair(
        "data/token_indexers/pretrained_transformer_indexer.py",
        "transformers 5 has no `build_inputs_with_special_tokens`; the tokens themselves are known",
        (
            (
                """                self._tokenizer.build_inputs_with_special_tokens(segment)
                for segment in folded_indices
""",
                """                [t.text_id for t in self._allennlp_tokenizer.single_sequence_start_tokens]
                + segment
                + [t.text_id for t in self._allennlp_tokenizer.single_sequence_end_tokens]
                for segment in folded_indices
""",
            ),
        ),
    ),
    Repair(
        "data/token_indexers/spacy_indexer.py",
        _LAZY,
        (
            ("from spacy.tokens import Token as SpacyToken\nimport torch\n", "import torch\n"),
            (
                "from allennlp.common.util import pad_sequence_to_length\n",
                "from allennlp.common.util import is_spacy_token, pad_sequence_to_length\n",
            ),
            ("        self, tokens: List[SpacyToken], vocabulary", "        self, tokens: List[Token], vocabulary"),
            ("all(isinstance(x, SpacyToken) for x in tokens)", "all(is_spacy_token(x) for x in tokens)"),
        ),
    ),
    Repair(
        "data/tokenizers/pretrained_transformer_tokenizer.py",
        "transformers 4.44 refuses `add_special_tokens` where a tokenizer is loaded (it is given at every call), and 5 "
        "has no `encode_plus`: a tokenizer is called",
        (
            ("\nfrom transformers import PreTrainedTokenizer\n\n", ""),
            ("            self._model_name, add_special_tokens=False, **", "            self._model_name, **"),
            ("            model_name, add_special_tokens=True, **", "            model_name, **"),
            (
                "        dummy_output = tokenizer_with_special_tokens.encode_plus(\n"
                "            token_a,\n            token_b,\n",
                "        dummy_output = tokenizer_with_special_tokens(\n            token_a,\n            token_b,\n",
            ),
            (
                "        dummy_output = tokenizer_with_special_tokens.encode_plus(\n"
                "            token_a,\n            add_special",
                "        dummy_output = tokenizer_with_special_tokens(\n            token_a,\n            add_special",
            ),
            ("(tokenizer: PreTrainedTokenizer) -> bool:", "(tokenizer: Any) -> bool:"),
            ("        encoded_tokens = self.tokenizer.encode_plus(\n", "        encoded_tokens = self.tokenizer(\n"),
            ("            wordpieces = self.tokenizer.encode_plus(\n", "            wordpieces = self.tokenizer(\n"),
        ),
    ),
    Repair(
        "data/tokenizers/sentence_splitter.py",
        _LAZY,
        (
            ("import spacy\n\nfrom allennlp.common import Registrable\n", "from allennlp.common import Registrable\n"),
            # hmtl asks for spaCy 3.
            (
                '        self._is_version_3 = spacy.__version__ >= "3.0"\n',
                "        self._is_version_3 = True\n",
            ),
            (
                '            sbd_name = "sbd" if spacy.__version__ < "2.1" else "sentencizer"\n',
                '            sbd_name = "sentencizer"\n',
            ),
        ),
    ),
    Repair(
        "data/tokenizers/spacy_tokenizer.py",
        _LAZY,
        (
            ("import spacy\nfrom spacy.tokens import Doc\n\n", ""),
            ('        self._is_version_3 = spacy.__version__ >= "3.0"\n', "        self._is_version_3 = True\n"),
            ("    def _sanitize(self, tokens: List[spacy.tokens.Token])", "    def _sanitize(self, tokens: list)"),
            (
                "        return Doc(self.vocab",
                "        from spacy.tokens import Doc\n\n        return Doc(self.vocab",
            ),
            (
                "def _remove_spaces(tokens: List[spacy.tokens.Token]) -> List[spacy.tokens.Token]:\n",
                "def _remove_spaces(tokens) -> list:\n",
            ),
        ),
    ),
    Repair(
        "data/vocabulary.py",
        _LAZY,
        (
            ("from transformers import PreTrainedTokenizer\n\n", ""),
            ("        self, tokenizer: PreTrainedTokenizer, namespace", "        self, tokenizer: Any, namespace"),
        ),
    ),
    Repair(
        "models/archival.py",
        "archives are written and read by hmtl: as data that may come from anybody, which runs nothing, fetches "
        "nothing and writes nowhere",
        (
            (
                """import tempfile
import tarfile
import shutil
from contextlib import contextmanager
import glob
import warnings
""",
                "import shutil\nimport warnings\n",
            ),
            ("from pathlib import Path\n", ""),
            (
                "from allennlp.models.model import Model, _DEFAULT_WEIGHTS\n",
                """from allennlp.models.model import Model, _DEFAULT_WEIGHTS
from hmtl.common.archives import (
    archive_model,
    building,
    extracted_archive,
    read_config,
    weights_path as get_weights_path,
)
""",
            ),
            (
                "        config = Params.from_file(os.path.join(serialization_dir, CONFIG_NAME), overrides)\n",
                "        config = read_config(serialization_dir, overrides)\n",
            ),
            ("def _load_dataset_readers(", "@building()\ndef _load_dataset_readers("),
            ("def _load_model(", "@building()\ndef _load_model("),
        ),
        dropped=("archive_model", "extracted_archive", "get_weights_path"),
    ),
    Repair(
        "modules/backbones/__init__.py",
        _LEFT_OUT,
        (("from allennlp.modules.backbones.vilbert_backbone import VilbertBackbone\n", ""),),
    ),
    *(
        Repair(
            path,
            "h5py is imported where a file of its format is read",
            (
                (
                    'with warnings.catch_warnings():\n    warnings.filterwarnings("ignore", category=FutureWarning)\n'
                    "    import h5py\n",
                    f'{_OPTIONAL}\nh5py = OptionalPackage("h5py", "elmo")\n',
                ),
                ("import warnings\n", ""),
            ),
        )
        for path in ("modules/elmo.py", "modules/elmo_lstm.py", "modules/token_embedders/embedding.py")
    ),
    Repair(
        "modules/seq2vec_encoders/cnn_encoder.py",
        "padding is known by the smallest number of the dtype, which autocast misses: convolves in float32",
        (
            (
                """    def forward(self, tokens: torch.Tensor, mask: torch.BoolTensor):
        if mask is not None:
""",
                """    def forward(self, tokens: torch.Tensor, mask: torch.BoolTensor):
        if torch.is_autocast_enabled(tokens.device.type):
            with torch.autocast(tokens.device.type, enabled=False):
                return self.forward(tokens.float(), mask)
        if mask is not None:
""",
            ),
        ),
    ),
    Repair(
        "modules/token_embedders/pretrained_transformer_embedder.py",
        _LAZY,
        (
            ("from transformers import XLNetConfig\n", ""),
            ("isinstance(self.config, XLNetConfig)", 'self.config.model_type == "xlnet"'),
        ),
    ),
    Repair(
        "modules/transformer/activation_layer.py",
        "transformers is imported where an activation is looked up; its BERT brings torch._dynamo",
        (
            ("from transformers.models.bert.modeling_bert import ACT2FN\n\n\n", "\n"),
            (
                "            self.act_fn = ACT2FN[activation]\n",
                "            from transformers.activations import ACT2FN\n\n"
                "            self.act_fn = ACT2FN[activation]\n",
            ),
        ),
    ),
    Repair(
        "nn/initializers.py",
        "the initializer `pretrained` reads weights as hmtl writes them, safetensors too",
        (
            (
                "logger = logging.getLogger(__name__)\n",
                "from hmtl.common.weights import load_weights\n\nlogger = logging.getLogger(__name__)\n",
            ),
            (
                'torch.load(get_weights_path(extraction_path), map_location="cpu")',
                "load_weights(get_weights_path(extraction_path))",
            ),
            ('torch.load(weights_file_path, map_location="cpu")', "load_weights(weights_file_path)"),
        ),
    ),
    Repair(
        "nn/checkpoint/__init__.py",
        _LEFT_OUT,
        (
            (
                "from allennlp.nn.checkpoint.fairscale_checkpoint_wrapper import FairScaleCheckpointWrapper\n",
                "",
            ),
        ),
    ),
    Repair(
        "nn/parallel/__init__.py",
        _LEFT_OUT,
        (
            (
                """from allennlp.nn.parallel.fairscale_fsdp_accelerator import (
    FairScaleFsdpAccelerator,
    FairScaleFsdpWrappedModel,
)
""",
                "",
            ),
        ),
    ),
    Repair(
        "training/callbacks/tensorboard.py",
        _LAZY,
        (
            ("from tensorboardX import SummaryWriter\n", f'{_OPTIONAL}\ntb = OptionalPackage("tensorboardX")\n'),
            ("self._train_log = SummaryWriter(", "self._train_log = tb.SummaryWriter("),
            ("self._validation_log = SummaryWriter(", "self._validation_log = tb.SummaryWriter("),
        ),
    ),
    Repair(
        "training/gradient_descent_trainer.py",
        "mixed precision by the names that torch has not deprecated",
        (
            ("from torch.cuda import amp\n", "from torch import amp\n"),
            ("from torch.cuda.amp.grad_scaler import OptState\n", "from torch.amp.grad_scaler import OptState\n"),
            (
                "                    self._scaler = amp.GradScaler()\n",
                '                    self._scaler = amp.GradScaler("cuda")\n',
            ),
            (
                "                with amp.autocast(self._use_amp):\n"
                "                    batch_outputs = self.batch_outputs(batch, for_training=True)\n",
                '                with amp.autocast("cuda", enabled=self._use_amp):\n'
                "                    batch_outputs = self.batch_outputs(batch, for_training=True)\n",
            ),
            (
                "                with amp.autocast(self._use_amp):\n"
                "                    batch_outputs = self.batch_outputs(batch, for_training=False)\n",
                '                with amp.autocast("cuda", enabled=self._use_amp):\n'
                "                    batch_outputs = self.batch_outputs(batch, for_training=False)\n",
            ),
        ),
    ),
    Repair(
        "training/learning_rate_schedulers/learning_rate_scheduler.py",
        _LAZY,
        (
            (
                """from transformers.optimization import (
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
)
""",
                f'{_OPTIONAL}\noptimization = OptionalPackage("transformers.optimization")\n',
            ),
            *(
                (f"lr_scheduler = {name}(", f"lr_scheduler = optimization.{name}(")
                for name in (
                    "get_constant_schedule",
                    "get_constant_schedule_with_warmup",
                    "get_cosine_schedule_with_warmup",
                    "get_cosine_with_hard_restarts_schedule_with_warmup",
                )
            ),
        ),
    ),
    Repair(
        "training/learning_rate_schedulers/pytorch_lr_schedulers.py",
        "torch has dropped the argument `verbose`; it is accepted and does nothing",
        (("            verbose=verbose,\n            threshold_mode", "            threshold_mode"),),
    ),
    Repair(
        "training/metrics/__init__.py",
        _LEFT_OUT,
        (
            (
                """from allennlp.training.metrics.evalb_bracketing_scorer import (
    EvalbBracketingScorer,
    DEFAULT_EVALB_DIR,
)
""",
                "",
            ),
        ),
    ),
    Repair(
        "training/metrics/auc.py",
        _LAZY,
        (
            (
                "from sklearn import metrics\n\n",
                f"\n{_OPTIONAL}",
            ),
            (
                '\n\n@Metric.register("auc")',
                '\nmetrics = OptionalPackage("sklearn.metrics", "analysis")\n\n\n@Metric.register("auc")',
            ),
        ),
    ),
    Repair(
        "training/metrics/spearman_correlation.py",
        _LAZY,
        (
            ("import scipy.stats as stats\n\n", f"\n{_OPTIONAL}"),
            (
                '\n\n@Metric.register("spearman_correlation")',
                '\nstats = OptionalPackage("scipy.stats")\n\n\n@Metric.register("spearman_correlation")',
            ),
        ),
    ),
    Repair(
        "training/optimizers.py",
        "transformers has dropped its AdamW, torch's takes its place (epsilon is added before the correction of the "
        "bias, not after); its Adafactor is imported where it is asked for",
        (
            ("import torch\nimport transformers\n", "import torch\n"),
            ("(Optimizer, transformers.AdamW):", "(Optimizer, torch.optim.AdamW):"),
            (
                """        correct_bias: bool = True,
    ):
""",
                """        correct_bias: bool = True,
    ):
        if not correct_bias:
            raise ConfigurationError("torch's AdamW always corrects the bias: leave correct_bias out")
""",
            ),
            (
                "            weight_decay=weight_decay,\n            correct_bias=correct_bias,\n",
                "            weight_decay=weight_decay,\n",
            ),
            (
                '''class HuggingfaceAdafactor(Optimizer, transformers.Adafactor):
    """
    Registered as an `Optimizer` with name "huggingface_adafactor".
    """
''',
                '''class HuggingfaceAdafactor(Optimizer):
    """
    Registered as an `Optimizer` with name "huggingface_adafactor".
    """

    def __new__(cls, *args, **kwargs):
        from transformers.optimization import Adafactor

        if not issubclass(cls, Adafactor):
            cls = type(cls.__name__, (cls, Adafactor), {"__module__": cls.__module__})
        return super().__new__(cls)
''',
            ),
        ),
    ),
)
