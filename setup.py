import re
import shutil
import sys
from pathlib import Path
from typing import List

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "carried"))  # PEP 517 leaves the folder of setup.py out
from carry import CarryError, carry  # noqa: E402


def read_version() -> str:
    # Read as text: importing hmtl would need what is only about to be installed.
    match = re.search(r'^VERSION = "(.+)"$', (ROOT / "hmtl" / "version.py").read_text(), re.MULTILINE)
    if match is None:
        raise RuntimeError("hmtl/version.py holds no VERSION")
    return match[1]


def read_readme() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


def carried_packages() -> List[str]:
    """The packages of the repaired AllenNLP, which is made here; see carried/carry.py."""
    try:
        folder = carry()
    except CarryError as error:
        raise SystemExit(f"hmtl: error: {error}") from None
    return ["allennlp", *(f"allennlp.{name}" for name in find_packages(str(folder)))]


class BuildWithShipped(build_py):
    """Puts the configurations, the sample and the scripts into the package, for `hmtl configs` of an installed hmtl."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout has them
            return
        shutil.rmtree(Path(self.build_lib) / "hmtl" / "shipped", ignore_errors=True)  # of an earlier build
        # As in hmtl/common/shipped.py.
        for part in ("configs", "data/sample", "data/pairs", "data/README.md", "scripts", ".allennlp_plugins"):
            copy = Path(self.build_lib) / "hmtl" / "shipped" / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(ROOT / part, copy)


EXTRAS = {
    "adapters": ["peft>=0.17,<1"],  # LoRA and the like in encoders
    "analysis": ["scikit-learn>=1.3"],  # hmtl probe, and research/task_relations
    "cache": ["lmdb>=1.4"],  # embeddings on disk
    "cluster": ["ray>=2.40,<3"],  # --executor ray of hmtl search and of research/
    "conflicts": ["torchjd[cagrad,quadprog-projector]>=0.18,<0.19"],  # gradient aggregators
    "elmo": ["h5py>=3.10"],  # ELMo's weights
    "export": ["onnx>=1.17", "onnxruntime>=1.20", "onnxscript>=0.5"],  # hmtl export --format onnx
    "parquet": ["pyarrow>=15"],  # hmtl convert: tables of Parquet and Arrow
    "plots": ["matplotlib>=3.7"],  # learning curves as images
    "remote": ["cached_path>=1.6,<2"],  # files named by https, s3, gs and hf addresses
    "search": ["optuna>=5,<6"],  # hmtl search
    "serve": ["fastapi>=0.110,<1", "prometheus-client>=0.20", "pydantic>=2,<3", "uvicorn>=0.30,<1"],  # hmtl serve
    "text": ["spacy>=3.7,<4"],  # raw text: sentences and tokens
    "wandb": ["wandb>=0.17"],  # the callback hmtl_wandb
}

# What builds and tests the documentation and the distributions.
DOCS = [
    "build>=1.2",
    "furo>=2024.8",
    "ipykernel>=6.29",
    "myst-parser>=4,<6",
    "nbclient>=0.10",
    "nbformat>=5.10",
    "pyte>=0.8.2",  # terminals, for pictures of their screens
    "sphinx>=8.1,<10",
    "wheel>=0.43",
]

setup(
    name="hmtl",
    version=read_version(),
    description="Hierarchical multi-task learning for information extraction, on AllenNLP",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    author="The hmtl authors",
    # hmtl, and the AllenNLP that it carries.
    license="MIT AND Apache-2.0",
    # Not research/, which imports hmtl, and is nothing that hmtl needs.
    packages=[*find_packages(include=["hmtl", "hmtl.*"]), *carried_packages()],
    package_dir={"allennlp": "carried/allennlp"},
    py_modules=["hmtl_spacy"],
    package_data={
        "allennlp": ["LICENSE", "NOTICE", "py.typed"],
        "hmtl": [
            "py.typed",
            "corpora/ace/splits/*.txt",
            "corpora/ontonotes_release/splits/*.id",
            "page/assets/*",
            "page/templates/*",
        ],
    },
    cmdclass={"build_py": BuildWithShipped},
    entry_points={
        "console_scripts": ["allennlp=allennlp.__main__:run", "hmtl=hmtl.cli:main"],
        "spacy_factories": ["hmtl=hmtl_spacy:make_hmtl"],
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.11",
    install_requires=[
        "torch>=2.10",  # CVE-2026-24747 before
        "transformers>=4.43,!=4.56.*,!=4.57.*,!=5.0.*,!=5.1.*,!=5.2.*,<6",  # CVE-2026-4372 in those left out
        "defusedxml>=0.7",
        "filelock>=3.12",
        "jinja2>=3.1",
        "jsonnet>=0.20",
        "numpy>=1.26",
        "pyyaml>=6",  # of transformers, too
        "regex>=2022.1.18",  # of transformers, too: grapheme clusters
        "rich>=13",
        "safetensors>=0.4.1",
        "scipy>=1.11.1",
        "tensorboardX>=2.6.2.2",  # the one before wants protobuf 3
        "tqdm>=4.62",
    ],
    extras_require={
        **EXTRAS,
        "dev": [
            "httpx>=0.27",
            "import-linter>=2.1",
            "more-itertools",
            "mypy",
            "nltk",  # a reference of tests, as is allennlp-models, which needs it and is installed apart (make develop)
            "pip-audit>=2.7",
            "playwright>=1.40",  # drives the system's Chromium, where there is one
            "pytest",
            "pytest-timeout",
            "pytest-xdist>=3.7",
            "ruff",
            "seqeval",
            *DOCS,
            *(package for packages in EXTRAS.values() for package in packages),
        ],
        "docs": DOCS,
    },
)
