import re
from pathlib import Path

from setuptools import find_packages, setup

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


EXTRAS = {
    "cluster": ["ray>=2.40,<3"],  # --executor ray of hmtl search and reproduce.py
    "conflicts": ["torchjd[cagrad,quadprog-projector]>=0.18,<0.19"],  # gradient aggregators
    "plots": ["matplotlib>=3.7"],  # learning curves as images
    "search": ["optuna>=5,<6"],  # hmtl search
    "wandb": ["wandb>=0.17"],  # the callback hmtl_wandb
}

setup(
    name="hmtl",
    version=read_version(),
    description="Hierarchical multi-task learning for information extraction, on AllenNLP",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    author="The hmtl authors",
    license="MIT",
    packages=find_packages(include=["hmtl", "hmtl.*"]),
    package_data={"hmtl": ["py.typed", "data/ace/splits/*.txt", "data/ontonotes_release/splits/*.id"]},
    entry_points={"console_scripts": ["hmtl=hmtl.cli:main"]},
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
        "scikit-learn",
        "scipy",
        "tensorboardX",
        "termcolor",
    ],
    extras_require={
        **EXTRAS,
        "dev": [
            "mypy",
            "pytest",
            "pytest-xdist",
            "ruff",
            "seqeval",
            *(package for packages in EXTRAS.values() for package in packages),
        ],
    },
)
