"""What the tests share: places, determinism, and one tiny trained model."""

import random
import resource
import signal
import sys
from pathlib import Path
from typing import Iterator, List

import numpy
import pytest
import torch
from pretrained import elmo, transformer  # noqa: F401  (fixtures)
from talkative_run import talkative, talkative_run, talkative_spans, talkative_spans_run  # noqa: F401  (fixtures)

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests" / "fixtures"

# What some tests compare with, installed apart; see the Makefile.
sys.path.append(str(Path(sys.prefix) / "references"))

# A shell ignores SIGINT for what it starts in the background; the tests of interruption need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Many tiny tensors: more threads only wait for one another.
torch.set_num_threads(1)


# Files of which one test takes long: begun first, so that at the end no process waits for another one's.
LONG = ("docs/test_documentation.py", "training/test_distributed.py", "notebooks/test_notebooks.py")


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Puts the files that take long first; all else stays in its order."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Each test starts from the same random state, whichever ran before it."""
    random.seed(13370)
    numpy.random.seed(13370)
    torch.manual_seed(13370)


@pytest.fixture(autouse=True)
def progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of benchmarks turn progress bars off for their whole process when they are imported, and AllenNLP's
    commands set how they are redrawn."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr("allennlp.common.logging.FILE_FRIENDLY_LOGGING", False)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 8 KiB: the system refuses the rest of a write, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of the small files that the tests read."""
    return FIXTURES


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the repository; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real corpora in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serialization directory of a four-task model, trained for two epochs on the fixture documents. Read only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("tiny") / "run"
    main(["train", str(FIXTURES / "tiny.jsonnet"), "-s", str(directory)])
    return directory


@pytest.fixture(scope="session")
def parsing_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serialization directory of a parser above parts of speech, trained on a small treebank. Read only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("parsing") / "run"
    main(["train", str(FIXTURES / "tiny_parsing.jsonnet"), "-s", str(directory)])
    return directory


@pytest.fixture(scope="session")
def text_label_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serialization directory of a model whose labels are texts, trained on the fixture documents. Read only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("text_labels") / "run"
    main(["train", str(FIXTURES / "text_labels.jsonnet"), "-s", str(directory)])
    return directory


@pytest.fixture(scope="session")
def question_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serialization directory of a model that answers questions, trained on the fixture documents. Read only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("questions") / "run"
    main(["train", str(FIXTURES / "questions.jsonnet"), "-s", str(directory)])
    return directory


@pytest.fixture(scope="session")
def pairs_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serialization directory of a model with relatedness below entailment, trained on the bundled pairs. Read
    only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("pairs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        main(["train", "configs/sentence_pairs.jsonnet", "-s", str(directory), "-o", "trainer.num_epochs=2"])
    return directory


@pytest.fixture(scope="session")
def tiny_spans_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with heads that find spans which may nest, and relations between these. Read only."""
    from hmtl.cli import main

    directory = tmp_path_factory.mktemp("tiny_spans") / "run"
    main(["train", str(FIXTURES / "tiny_spans.jsonnet"), "-s", str(directory)])
    return directory
