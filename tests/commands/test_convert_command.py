"""`hmtl convert`: what it writes, what it says, what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hmtl.cli import main
from hmtl.corpora.formats import read_any, split_documents, splits_of
from hmtl.document import Document, read_jsonl
from hmtl.errors import UserError

pytest.importorskip("spacy")


@pytest.fixture
def brat(fixtures) -> str:
    return str(fixtures / "formats" / "brat")


def rows(path: Path):
    return [document.doc_key for document in read_jsonl(path)]


def refused(arguments, capsys) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main(["convert", *map(str, arguments)])
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_a_file_is_written_and_everything_is_told(brat, tmp_path, capsys):
    main(["convert", brat, str(tmp_path / "new" / "all.jsonl")])
    assert rows(tmp_path / "new" / "all.jsonl") == ["letter", "second/note"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "read as brat standoff (--from brat)"
    table = {line.split()[0]: line.split()[1:] for line in lines if line and line.split()[-1].isdigit()}
    assert table["documents"] == ["1", "2"] and table["relations"] == ["1", "2"]
    assert table["spans"] == table["ner"] == ["8"] and table["mentions"] == ["2"]
    assert "dropped 1 document: there is no .ann file beside its text (first: unread)" in lines
    assert lines[-1] == f"written as dygie: {tmp_path / 'new' / 'all.jsonl'}"


def test_without_an_output_it_only_counts(brat, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["convert", brat, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["format"] == "brat" and report["written"]["all"]["clusters"] == 1
    assert {(each["what"], each["count"]) for each in report["dropped"]} == {
        ("event", 1), ("attribute", 1), ("note", 1), ("relation", 1), ("document", 1),
    }  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_documents_are_drawn_into_splits_the_same_for_a_seed(tmp_path, capsys):
    source = tmp_path / "all.jsonl"
    source.write_text(
        "".join(f'{{"id": "d{n:02}", "text": "Oslo {n}", "label": [[0, 4, "LOC"]]}}\n' for n in range(20))
    )
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        main(["convert", str(source), str(tmp_path / name), "--split", "0.8", "0.1", "0.1", "--seed", str(seed)])
        drawn.append([rows(tmp_path / name / f"{split}.jsonl") for split in ("train", "dev", "test")])
    assert drawn[0] == drawn[1] != drawn[2]
    for splits in drawn:
        assert [len(split) for split in splits] == [16, 2, 2]
        assert sorted(sum(splits, [])) == [f"d{n:02}" for n in range(20)]
        assert all(split == sorted(split) for split in splits)
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert [report["written"][split]["documents"] for split in ("train", "dev", "test")] == [16, 2, 2]
    assert "train  dev  test" in capsys.readouterr().out


def test_shares_leave_no_split_empty():
    documents = [Document(str(number), [["a"]]) for number in range(3)]
    assert [len(split) for split in split_documents(documents, [98, 1, 1]).values()] == [1, 1, 1]
    assert list(split_documents(documents, [2, 1])) == ["train", "test"]
    for shares, message in (([1], "expected two or three"), ([1, 0, 1], "positive shares"), ([1, 1, 1], "too few")):
        with pytest.raises(UserError, match=message):
            split_documents(documents[:2], shares)


def test_splits_that_are_there_stay(fixtures, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (source / name).write_bytes((fixtures / "formats" / "conll2003.conll").read_bytes())
    main(["convert", str(source), str(tmp_path / "out")])
    assert rows(tmp_path / "out" / "dev.jsonl") == ["eng.testa_0", "eng.testa_1"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "train.jsonl",
        "dev.jsonl",
        "test.jsonl",
        "report.json",
    }
    main(["convert", str(source), str(tmp_path / "brats"), "--to", "brat"])
    assert [document.doc_key for document in read_any(tmp_path / "brats" / "test")] == ["eng.testb_0", "eng.testb_1"]


def test_splits_are_known_by_their_names(tmp_path):
    def found(*names):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("")
        return {split: path.name for split, path in splits_of(folder).items()}

    assert found("conll04_train.json", "conll04_dev.json", "README.md") == {
        "train": "conll04_train.json", "dev": "conll04_dev.json"
    }  # fmt: skip
    assert found("train/a.ann", "validation/a.ann") == {"train": "train", "dev": "validation"}
    assert found("x-ud-train.conllu", "x-ud-train.txt", "x-ud-test.conllu", "LICENSE.txt") == {
        "train": "x-ud-train.conllu", "test": "x-ud-test.conllu"
    }  # fmt: skip
    # Documents about trains; two parts of one split; no training data.
    assert found("train.ann", "train.txt", "plane.ann", "plane.txt") == {}
    assert found("train-0.parquet", "train-1.parquet") == {}
    assert found("dev.json", "test.json") == {}
    assert splits_of(tmp_path / "nothing") == {}


def test_the_suffix_or_an_option_chooses_the_output(brat, tmp_path):
    main(["convert", brat, str(tmp_path / "a.conll")])
    assert (tmp_path / "a.conll").read_text(encoding="utf-8").startswith("-DOCSTART- (letter)\n\nMara\tB-Person\n")
    main(["convert", brat, str(tmp_path / "a.jsonl"), "--to", "jsonl"])
    first = json.loads((tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["ner"][0] == {
        "start": 0, "end": 1, "text": "Mara Lind", "char_start": 0, "char_end": 9, "label": "Person"
    }  # fmt: skip
    main(["convert", brat, str(tmp_path / "a.v4_gold_conll"), "--to", "conll2012"])
    [letter, _] = read_any(tmp_path / "a.v4_gold_conll")
    assert letter.clusters == [[(0, 1), (8, 8)]]
    main(["convert", brat, str(tmp_path / "a.html"), "--to", "html"])
    assert "Nordlys" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_nothing_is_overwritten_without_force_and_a_broken_file_leaves_the_old(brat, tmp_path, capsys):
    file, folder = tmp_path / "a.jsonl", tmp_path / "folder"
    file.write_text("old")
    assert f"{file}: exists already; write elsewhere, or replace it with --force" in refused([brat, file], capsys)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"text": "Oslo", "label": []}\n{"text": "Oslo", "label": [[0, 9, "LOC"]]}\n')
    assert "broken.jsonl:2: document 'broken_2': characters 0 to 9" in refused([broken, file, "--force"], capsys)
    assert file.read_text() == "old" and {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "broken.jsonl"}
    main(["convert", brat, str(file), "--force"])
    assert rows(file) == ["letter", "second/note"]
    main(["convert", brat, str(folder), "--to", "brat"])
    main(["convert", brat, str(folder), "--to", "brat", "--force"])
    (folder / "mine.pdf").write_text("")
    assert "this holds mine.pdf; write elsewhere" in refused([brat, folder, "--to", "brat", "--force"], capsys)
    assert (folder / "letter.ann").is_file()


def test_mistakes_are_one_line(brat, tmp_path, capsys):
    text = tmp_path / "a.txt"
    text.write_text("A text without annotation.")
    assert "looks like plain text, which begins with 'A text without" in refused([text, tmp_path / "a.jsonl"], capsys)
    assert "did you mean 'brat'?" in refused([brat, tmp_path / "a.jsonl", "--from", "bratt"], capsys)
    assert "has no option 'word'" in refused([brat, tmp_path / "a.jsonl", "--word", "1"], capsys)
    assert "name a folder" in refused([brat, tmp_path / "a.jsonl", "--split", "1", "1"], capsys)
    assert "2 documents are too few for train and dev and test" in refused(
        [brat, tmp_path / "x", "--split", "1", "1", "1"], capsys
    )
    assert "expected names with commas between, or a file" in refused([brat, "--labels", "nothing.txt"], capsys)
    assert not (tmp_path / "a.jsonl").exists() and not (tmp_path / "x").exists()
    main(["convert", brat, "--from", '{"type": "brat", "coreference": ["owns"]}', "--crossing-relations", "merge"])
    assert "clusters" in capsys.readouterr().out


def test_it_starts_and_splits_texts_without_torch(brat, tmp_path):
    code = (
        "import sys\nfrom hmtl.cli import main\nmain(sys.argv[1:])\n"
        "assert not any(name == 'torch' or name.startswith('torch.') for name in sys.modules)"
    )
    paths = [str(Path(__file__).resolve().parents[2]), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    arguments = ["convert", brat, str(tmp_path / "a.jsonl")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "a.jsonl") == ["letter", "second/note"]


def test_heads_that_are_no_tree_have_no_place_among_trees_and_others_stay(tmp_path, capsys):
    record = {"doc_key": "a", "sentences": [["Go", "on"]], "heads": [[1, 0]], "deprel": [[[0, 0, "x"], [1, 1, "y"]]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(SystemExit) as end:
        main(["convert", str(tmp_path / "a.jsonl"), str(tmp_path / "a.conllu"), "--to", "conllu"])
    assert end.value.code == 2 and "expected one root" in capsys.readouterr().err
    assert not (tmp_path / "a.conllu").exists()
    main(["convert", str(tmp_path / "a.jsonl"), str(tmp_path / "a.html"), "--to", "html"])
    assert '"dependencies"' not in (tmp_path / "a.html").read_text()
