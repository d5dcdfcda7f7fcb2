"""What the documentation says of configurations is what the code has."""

import sys
from pathlib import Path

import pytest
from allennlp.common import Lazy, Registrable
from allennlp.modules import Seq2SeqEncoder

pytest.importorskip("sphinx")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from configuration_keys import keys_of, library_functions, setups  # noqa: E402


class Base(Registrable):
    """The base.

    # Parameters

    size : `int`
        Of it.
    """

    def __init__(self, size: int, vocab: object = None) -> None: ...


Base.__module__ = "hmtl.of_the_test"


class Extended(Base):
    """More.

    # Parameters

    encoder : `Lazy[Seq2SeqEncoder]`, optional (default = none)
        Reads
        on.
    """

    def __init__(self, encoder: Lazy[Seq2SeqEncoder] = None, flag: bool = False, **kwargs: int) -> None: ...


Extended.__module__ = "hmtl.of_the_test"


def test_keys_are_those_of_the_constructors_with_what_the_docstrings_say():
    keys, beyond = keys_of(Extended)
    assert beyond is None
    assert keys == [
        ("encoder", "Seq2SeqEncoder", "none", "Reads\non."),
        ("flag", "bool", "`false`", ""),
        ("size", "int", "", "Of it."),
    ]


def test_a_description_of_what_is_not_there_is_a_warning(monkeypatch):
    import configuration_keys

    warnings = []
    monkeypatch.setattr(configuration_keys.logger, "warning", lambda *arguments: warnings.append(arguments))
    keys_of(Extended)
    assert warnings == []
    monkeypatch.setattr(Extended, "__doc__", "More.\n\n# Parameters\n\ngone : `int`\n    Was here.\n")
    keys_of(Extended)
    assert len(warnings) == 1 and "gone" in warnings[0]


def test_functions_of_a_library(tmp_path):
    path = tmp_path / "x.libsonnet"
    path.write_text(
        "// Top.\nlocal a(b) =\n  c(b);\n\n{\n  // One.\n  // More.\n  one(a, b=2): {\n    two(c): 3,\n  },\n\n"
        "  // Of a local.\n  local x = 3,\n  three(\n    a,\n    b={ c: 1 },\n  ):: a,\n}\n"
    )
    assert library_functions(path) == [
        ("one(a, b=2)", ["One.", "More."]),
        ("three(\n  a,\n  b={ c: 1 },\n)", []),
    ]
    assert [name.partition("(")[0] for name, _ in library_functions(ROOT / "configs/lib/experiment.libsonnet")] == [
        "new",
        "finetune",
        "from_archive",
    ]


def test_the_table_of_setups_has_each_of_them_with_the_figures_of_the_paper():
    rows = "\n".join(setups("ldc")).splitlines()
    assert "| `A` | all four tasks | 87.36 | 85.69 | 61.30 | 64.78 |" in rows
    assert len(rows) - 2 == len(list((ROOT / "configs" / "setups" / "ldc").glob("*.jsonnet")))
