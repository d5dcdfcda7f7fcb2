"""Jsonnet's errors, with the place and the name that was meant."""

from pathlib import Path

import pytest
from allennlp.common import Params

from hmtl.common.jsonnet_faults import jsonnet_fault

LIBRARY = """\
// What levels(tasks) is for.
{
  small:: { size: 1 },
  levels(
    tasks,
    num_layers={ deep: [3, 4], other: f(5) },  // a comment, with(parentheses)
    name='a, b',
  ):: { [task]: num_layers for task in tasks },
}
"""


def fault(tmp_path: Path, text: str) -> str:
    (tmp_path / "parts.libsonnet").write_text(LIBRARY.replace("f(5)", "5"))
    path = tmp_path / "a.jsonnet"
    path.write_text("local parts = import 'parts.libsonnet';\n" + text)
    with pytest.raises(RuntimeError) as error:
        Params.from_file(path)
    return jsonnet_fault(str(error.value)).removeprefix(f"{tmp_path}/")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{ a: parts.smal }", "a.jsonnet:2: field does not exist: smal; did you mean 'small'?"),
        ("{ a: parts.xyzzy }", "a.jsonnet:2: field does not exist: xyzzy; it has levels, small"),
        ("\nparts.levels([], num_layer=1)", "a.jsonnet:3: function has no parameter num_layer; did you mean 'num_lay"),
        (
            "parts.levels(\n  [],\n  xyzzy=1,\n)",
            "a.jsonnet:2: function has no parameter xyzzy; it takes tasks, num_layers, name",
        ),
        ("local f(a) = a; { x: f(b=1) }", "a.jsonnet:2: function has no parameter b"),
        ("{ a: self.c }", "a.jsonnet:2: field does not exist: c"),
        ("import 'gone.libsonnet'", 'a.jsonnet:2: couldn\'t open import "gone.libsonnet"'),
        (
            "import 'lib/xyzzy.libsonnet'",
            "a.jsonnet:2: couldn't open import \"lib/xyzzy.libsonnet\"; hmtl's library has corpora, embedders, ",
        ),
        (
            "import 'lib/levls.libsonnet'",
            "a.jsonnet:2: couldn't open import \"lib/levls.libsonnet\"; did you mean 'levels'?",
        ),
        (
            "local levels = import 'lib/levels.libsonnet';\n{ a: levels.shalow }",
            "a.jsonnet:3: field does not exist: shalow; did you mean 'shallow'?",
        ),
        ("error 'Set HMTL_DATA'", "a.jsonnet:2: Set HMTL_DATA"),
        ("std.extVar('HMTL_TEST_UNSET')", "a.jsonnet:2: the environment variable HMTL_TEST_UNSET is not set"),
    ],
)
def test_a_fault_has_its_place_and_advice(tmp_path: Path, text: str, expected: str) -> None:
    found = fault(tmp_path, text)
    assert found.startswith(expected)
    assert ";" in expected or "; did" not in found
