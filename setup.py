import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


def read_version() -> str:
    # Read as text: importing hmtl would need what is only about to be installed.
    match = re.search(r'^VERSION = "(.+)"$', (ROOT / "hmtl" / "version.py").read_text(), re.MULTILINE)
    if match is None:
        raise RuntimeError("hmtl/version.py holds no VERSION")
    return match[1]


def read_readme() -> str:
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


class BuildWithShipped(build_py):
    """Puts the configurations, the sample and the scripts into the package, for `hmtl configs` of an installed hmtl."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout has them
            return
        shutil.rmtree(Path(self.build_lib) / "hmtl" / "shipped", ignore_errors=True)  # of an earlier build
        # As in hmtl/shipped.py.
        for part in ("configs", "data/sample", "data/README.md", "scripts"):
            copy = Path(self.build_lib) / "hmtl" / "shipped" / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(ROOT / part, copy)


EXTRAS = {
    "cluster": ["ray>=2.40,<3"],  # --executor ray of hmtl search and reproduce.py
    "conflicts": ["torchjd[cagrad,quadprog-projector]>=0.18,<0.19"],  # gradient aggregators
    "plots": ["matplotlib>=3.7"],  # learning curves as images
    "search": ["optuna>=5,<6"],  # hmtl search
    "serve": ["fastapi>=0.110,<1", "prometheus-client>=0.20", "pydantic>=2,<3", "uvicorn>=0.30,<1"],  # hmtl serve
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
    license="MIT",
    packages=find_packages(include=["hmtl", "hmtl.*"]),
    py_modules=["hmtl_spacy"],
    package_data={
        "hmtl": [
            "py.typed",
            "data/ace/splits/*.txt",
            "data/ontonotes_release/splits/*.id",
            "page/assets/*",
        ]
    },
    cmdclass={"build_py": BuildWithShipped},
    entry_points={
        "console_scripts": ["hmtl=hmtl.cli:main"],
        "spacy_factories": ["hmtl=hmtl_spacy:make_hmtl"],
    },
    python_requires=">=3.10,<3.13",
    # AllenNLP itself stands in requirements-allennlp.txt: its pins exclude every torch that knows a current GPU.
    install_requires=[
        "torch>=2.6,<2.14",
        "transformers>=4.43,<4.44",  # 4.42 wants numpy<2; from 4.44 on AllenNLP's tokenizers break
        "spacy>=3.7,<4",
        "cached_path>=1.6,<2",
        "fairscale==0.4.13",
        "jsonnet>=0.20",
        "numpy",
        "base58",
        "defusedxml",
        "dill",
        "h5py",
        "lmdb",
        "more-itertools",
        "nltk",
        "pillow",
        "safetensors>=0.4.1",
        "scikit-learn",
        "scipy",
        "tensorboardX",
        "termcolor",
    ],
    extras_require={
        **EXTRAS,
        "dev": [
            "httpx>=0.27",
            "mypy",
            "playwright>=1.40",  # drives the system's Chromium, where there is one
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "seqeval",
            *DOCS,
            *(package for packages in EXTRAS.values() for package in packages),
        ],
        "docs": DOCS,
    },
)
