"""Documents to train on, however they come."""

from pathlib import Path
from typing import List

import pytest

from hmtl.corpora.training_data import read_training_data
from hmtl.document import Document, Span, write_jsonl
from hmtl.errors import DataError, UserError


def documents(number: int, prefix: str = "d") -> List[Document]:
    return [Document(f"{prefix}{index}", [["Oslo", "."]], {"ner": [Span(0, 0, "GPE")]}) for index in range(number)]


def test_a_folder_in_the_projects_layout_stays_where_it_is(tmp_path: Path) -> None:
    for split, number in (("train", 3), ("dev", 2), ("test", 1)):
        write_jsonl(documents(number, split), tmp_path / "words" / f"{split}.jsonl")
    data = read_training_data(tmp_path / "words")
    assert (data.name, data.folder) == ("words", tmp_path / "words")
    assert data.sizes() == "3 train, 2 dev, 1 test"


@pytest.mark.parametrize("names", [("train.json", "validation.json"), ("train.jsonl", "valid.jsonl")])
def test_other_names_and_formats_are_read_but_are_no_layout(tmp_path: Path, names) -> None:
    write_jsonl(documents(4), tmp_path / names[0])
    write_jsonl(documents(2, "v"), tmp_path / names[1])
    data = read_training_data(tmp_path)
    assert data.folder is None and data.sizes() == "4 train, 2 dev"


def test_a_format_is_named_with_its_options(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("Verdict\tClaim\nfalse\tThe moon is cheese.\n")
    # What cannot be read says how it can be.
    named = '{"type": "labelled", "text": "Claim", "layers": {"verdict": "Verdict"}}'
    with pytest.raises(DataError, match="train.tsv: this looks like a table") as raised:
        read_training_data(tmp_path)
    assert f"name it by --from '{named}' where these are the columns" in str(raised.value)
    [document] = read_training_data(tmp_path, format=named).documents["train"]
    assert document.label_values("verdict") == ["false"]
    with pytest.raises(UserError, match="--from: .* has no 'type'"):
        read_training_data(tmp_path, format='{"text": "Claim"}')


def test_one_file_is_split_by_document_as_the_seed_has_it(tmp_path: Path) -> None:
    write_jsonl(documents(20), tmp_path / "all.jsonl")
    first, same, other = (read_training_data(tmp_path / "all.jsonl", seed) for seed in (1, 1, 2))
    assert first.sizes() == "16 train, 2 dev, 2 test" and first.name == "all"
    assert first.documents == same.documents != other.documents
    keys = [document.doc_key for part in first.documents.values() for document in part]
    assert sorted(keys) == sorted(f"d{number}" for number in range(20))


def test_development_data_are_drawn_where_there_are_test_data_alone(tmp_path: Path) -> None:
    data = read_training_data({"train": documents(18), "test": documents(5, "t")})
    assert data.sizes() == "16 train, 2 dev, 5 test"
    assert {document.doc_key[0] for document in data.documents["dev"]} == {"d"}


def test_too_few_documents_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="documents: 2 documents; expected 3 at least"):
        read_training_data(documents(2))
    with pytest.raises(UserError, match="documents of 'validation': expected some of train, dev, test"):
        read_training_data({"train": documents(2), "validation": documents(1)})
    with pytest.raises(DataError, match="no such file or folder of documents"):
        read_training_data(tmp_path / "nowhere")
