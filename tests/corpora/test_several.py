import json
from pathlib import Path

import pytest

from hmtl.corpora import Corpus
from hmtl.corpora.corpus import documents_shared
from hmtl.corpora.several import SeveralCorpora
from hmtl.errors import DataError


@pytest.fixture
def several() -> SeveralCorpora:
    return SeveralCorpora({name: Corpus.by_name(name)() for name in ("conll2003", "jsonl")})


def test_each_document_has_the_name_of_its_corpus_and_is_else_what_its_format_makes(
    several: SeveralCorpora, fixtures: Path
) -> None:
    paths = {"jsonl": f"{fixtures}/jsonl/dev.jsonl", "conll2003": f"{fixtures}/conll2003/dev.txt"}
    with documents_shared():
        alone = {name: list(several.corpora[name].documents(path)) for name, path in paths.items()}
        found = list(several.documents(json.dumps(paths)))
        # What other tasks read of the same corpus is shared, and stays as it was.
        assert all("corpus" not in document.metadata for documents in alone.values() for document in documents)
    assert [document.metadata.pop("corpus") for document in found] == [name for name in paths for _ in alone[name]]
    assert found == [*alone["jsonl"], *alone["conll2003"]]


def test_a_path_may_leave_corpora_out_and_select_documents(several: SeveralCorpora, fixtures: Path) -> None:
    path = json.dumps({"jsonl": f"{fixtures}/jsonl/train.jsonl#1:2"})
    whole = list(several.corpora["jsonl"].documents(f"{fixtures}/jsonl/train.jsonl"))
    assert [document.doc_key for document in several.documents(path)] == [whole[1].doc_key]
    assert several.files(path) == [fixtures / "jsonl" / "train.jsonl"]


@pytest.mark.parametrize(
    "path,reason",
    [
        ("train.jsonl", "is no JSON"),
        ("{}", "names none"),
        ('["a"]', "names none"),
        ('{"gum": "train.txt"}', "has 'gum': 'train.txt'"),
        ('{"jsonl": 3}', "has 'jsonl': 3"),
    ],
)
def test_a_path_of_another_form(path: str, reason: str, several: SeveralCorpora) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        list(several.documents(path))
    assert 'expected an object such as {"conll2003": "path", "jsonl": "path"}' in str(caught.value)
