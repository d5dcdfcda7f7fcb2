import json
import runpy
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.corpora import Conll2003Corpus
from hmtl.corpora.validation import check_document, count_nested, crossing_pairs, validate_corpus
from hmtl.document import Document, Relation, Span
from hmtl.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
main: Callable[[List[str]], int] = runpy.run_path(str(ROOT / "scripts" / "validate_data.py"))["main"]


def record(key: str, text: str = "Ada met Bo in Oslo .", **layers: Any) -> Dict[str, Any]:
    return {"doc_key": key, "sentences": [text.split()], **layers}


def write(path: Path, *records: Dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def kinds(document: Document, **options: Any) -> List[str]:
    return [problem.kind for problem in check_document(document, "here", **options)]


@pytest.fixture
def clean() -> Document:
    return Document(
        "clean",
        [["Ada", "met", "Bo", "in", "Oslo", "."], ["She", "likes", "him", "."]],
        {"emd": [Span(0, 0, "PER"), Span(2, 2, "PER"), Span(4, 4, "GPE"), Span(6, 6, "PER"), Span(8, 8, "PER")]},
        [Relation((0, 0), (4, 4), "PHYS")],
        [[(0, 0), (6, 6)], [(2, 2), (8, 8)]],
    )


def test_a_clean_document_has_no_problems(clean):
    assert kinds(clean, tasks=["emd", "relation", "coref"], relation_labels={"PHYS"}) == []


def test_missing_layers_of_the_tasks(clean):
    assert kinds(clean, tasks=["ner", "emd"]) == ["missing layer"]
    clean.relations, clean.clusters = None, None
    assert kinds(clean, tasks=["relation", "coref"]) == ["missing layer", "missing layer"]


def test_an_empty_layer_is_not_a_missing_one(clean):
    clean.relations, clean.clusters = [], []
    assert kinds(clean, tasks=["relation", "coref"]) == []


def test_duplicate_and_relabelled_spans(clean):
    clean.spans["emd"].append(Span(4, 4, "GPE"))
    assert kinds(clean) == ["duplicate span"]
    clean.spans["emd"][-1] = Span(4, 4, "LOC")
    assert kinds(clean) == ["several labels"]


def test_crossing_spans_name_both(clean):
    clean.spans["ner"] = [Span(1, 3, "A"), Span(3, 4, "B")]
    (problem,) = check_document(clean, "corpus.jsonl:7")
    assert str(problem).startswith("corpus.jsonl:7: warning: crossing spans: document 'clean': ")
    assert str(problem).endswith("'ner' has A [1, 3] 'met Bo in' and B [3, 4] 'in Oslo'")


@pytest.mark.parametrize(
    "bounds, nested, crossing",
    [
        ([(0, 1), (2, 3)], 0, 0),
        ([(0, 5), (1, 2), (3, 5)], 2, 0),
        ([(0, 5), (0, 2), (0, 2)], 1, 0),
        ([(0, 5), (1, 4), (2, 3)], 2, 0),
        ([(0, 2), (1, 3), (2, 4)], 0, 3),
        ([(0, 3), (2, 5), (4, 5)], 1, 1),
    ],
)
def test_nested_and_crossing_spans(bounds, nested, crossing):
    spans = [Span(*each, "X") for each in bounds]
    assert count_nested(spans) == nested
    assert len(crossing_pairs(spans)) == crossing
    assert len(crossing_pairs(spans[::-1])) == crossing


def test_relation_arguments_must_be_mentions_of_the_emd_layer_if_there_is_one(clean):
    clean.spans["ner"] = [Span(3, 4, "GPE")]
    clean.relations.append(Relation((2, 2), (3, 4), "PHYS"))
    assert kinds(clean) == ["argument is no mention"]
    del clean.spans["emd"]
    # Now 'ner' holds the mentions: three of the four arguments are outside it.
    assert kinds(clean) == ["argument is no mention"] * 3
    del clean.spans["ner"]
    assert kinds(clean) == []


def test_relation_labels_duplicates_and_self_relations(clean):
    clean.relations = [
        Relation((0, 0), (4, 4), "NEAR"),
        Relation((0, 0), (4, 4), "NEAR"),
        Relation((2, 2), (2, 2), "PHYS"),
    ]
    assert kinds(clean, relation_labels={"PHYS"}) == ["unknown relation label", "duplicate relation", "self-relation"]


def test_clusters(clean):
    clean.clusters = [[(0, 0), (6, 6)], [(2, 2), (6, 6)], [(8, 8)], [(4, 4), (4, 4)]]
    assert kinds(clean) == ["cluster of one mention", "mention in several clusters", "duplicate mention"]


def test_counts_and_table(tmp_path):
    layers = {
        "ner": [[[0, 0, "PERSON"], [2, 4, "X"], [4, 4, "GPE"]]],
        "relations": [[[0, 0, 4, 4, "PHYS"]]],
        "clusters": [[[0, 0], [2, 4]], [[4, 4]]],
    }
    train = write(tmp_path / "train.jsonl", record("a", **layers), record("b", "Oslo shines .", ner=[[[0, 0, "GPE"]]]))
    dev = write(tmp_path / "dev.jsonl", record("c", "Nothing here ."))
    report = validate_corpus([train, dev])
    counts = report.counts[str(train)]
    assert (counts.totals["documents"], counts.totals["sentences"], counts.totals["tokens"]) == (2, 2, 9)
    assert counts.labels["ner"] == {"GPE": 2, "PERSON": 1, "X": 1}
    assert counts.labels["relations"] == {"PHYS": 1}
    assert counts.labels["clusters"] == {"clusters": 2, "mentions": 3, "clusters of one mention": 1}
    rows = {tuple(line.split()) for line in report.table().splitlines()[1:]}
    assert {
        ("tokens", "9", "3"),
        ("nested", "ner", "spans", "1", "0"),
        ("ner", "4", "0"),
        ("GPE", "2", "0"),
        ("mentions", "3", "0"),
    } <= rows


def test_a_layer_of_some_documents_only_is_suspicious_unless_the_tasks_are_named(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a", ner=[[]]), record("b", "He sleeps ."))
    (problem,) = validate_corpus([path]).problems
    assert (problem.severity, problem.kind) == ("warning", "partly annotated")
    assert "only 1 of 2 documents" in problem.message
    (problem,) = validate_corpus([path], tasks=["ner"]).problems
    assert (problem.kind, problem.place) == ("missing layer", f"{path}:2")


def test_an_unusable_document_is_reported_with_its_line_and_the_rest_is_read(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a", ner=[[[4, 6, "GPE"]]]), record("b", ner=[[[4, 4, "GPE"]]]))
    report = validate_corpus([path])
    (problem,) = report.errors
    assert problem.place == f"{path}:1"
    assert "'ner' span [4, 6] lies outside the text of 6 tokens" in problem.message
    assert str(path) not in problem.message
    assert report.counts[str(path)].totals["documents"] == 1


def test_duplicate_keys_and_leakage_between_splits(tmp_path):
    leak = "The old ferry left Bergen early ."
    write(
        tmp_path / "train.jsonl",
        {"doc_key": "a", "sentences": [leak.split(), ["Ok", "."]]},
        record("twice"),
        record("twice", "One more ."),
    )
    write(
        tmp_path / "dev.jsonl",
        {"doc_key": "a", "sentences": [["Ok", "."], ["It", "is", "late", "."]]},
        {"doc_key": "d", "sentences": [leak.split(), ["It", "is", "late", "."]]},
        record("e"),
    )
    report = validate_corpus([tmp_path / "train.jsonl", tmp_path / "dev.jsonl"])
    dev = str(tmp_path / "dev.jsonl")
    assert [(p.kind, Path(p.place).name) for p in report.problems] == [
        ("duplicate doc_key", "train.jsonl:3"),
        ("duplicate doc_key", "dev.jsonl:1"),
        ("sentence in two splits", "dev.jsonl:2"),
        ("document in two splits", "dev.jsonl:3"),
    ]
    assert [p.place for p in report.errors if p.place.startswith(dev)] == [f"{dev}:1", f"{dev}:3"]
    shorter = validate_corpus([tmp_path / "train.jsonl", dev], min_leak_tokens=2)
    assert [p.kind for p in shorter.warnings] == ["sentence in two splits"] * 2


def test_a_sentence_repeated_within_a_split_is_no_leak(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a"), record("b"))
    assert validate_corpus([path]).problems == []


def test_another_format(tmp_path, capsys):
    path = tmp_path / "train.txt"
    path.write_text("Ada B-PER\nBerg I-PER\nsmiles O\n\nOslo B-LOC\n")
    assert main([str(path), "--corpus", "conll2003", "--tasks", "ner"]) == 0
    assert "PER" in capsys.readouterr().out
    assert main([str(path), "--corpus", "conll2003", "--tasks", "coref"]) == 1


def test_a_format_with_parameters(tmp_path, capsys):
    columns = "d 0 {n} {word} - - - - - - {entity} -\n"
    text = columns.format(n=0, word="Oslo", entity="(GPE)") + columns.format(n=1, word=".", entity="*")
    for name in ("bn/x", "pt/y"):
        path = tmp_path / f"{name}.gold_conll"
        path.parent.mkdir()
        path.write_text(f"#begin document ({name}); part 000\n{text}\n#end document\n")
    assert main([str(tmp_path), "--corpus", "ontonotes"]) == 0
    assert ["documents", "2"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert main([str(tmp_path), "--corpus", '{"type": "ontonotes", "exclude": ["/pt/"]}']) == 0
    assert ["documents", "1"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert main([str(tmp_path), "--corpus", '{"type": ']) == 2
    assert "--corpus: not valid JSON" in capsys.readouterr().err


def test_a_slice(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a"), record("b", "He sleeps ."), record("c", "It rains ."))
    report = validate_corpus([f"{path}#1:"])
    assert report.counts[f"{path}#1:"].totals["documents"] == 2


def test_limit_of_problem_lines(tmp_path):
    path = write(tmp_path / "a.jsonl", *[record(key, clusters=[[[0, 0]]]) for key in "abcd"])
    report = validate_corpus([path])
    assert len(report.problem_lines()) == 4
    lines = report.problem_lines(limit=1)
    assert len(lines) == 2
    assert lines[1] == "... warning: cluster of one mention: 3 more"


@pytest.mark.parametrize("content", ["", "\n\n", "{not json}\n"])
def test_unreadable_files_raise(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match="a.jsonl"):
        validate_corpus([path])


def test_exit_codes(tmp_path, capsys):
    good = write(tmp_path / "good.jsonl", record("a", ner=[[[4, 4, "GPE"]]], clusters=[[[4, 4]]]))
    bad = write(tmp_path / "bad.jsonl", record("b", "He sleeps .", ner=[[[0, 0, "X"], [0, 0, "X"]]]))
    assert main([str(good)]) == 0
    assert "0 errors, 1 warnings" in capsys.readouterr().out
    assert main([str(good), str(bad)]) == 1
    assert f"{bad}:1: error: duplicate span" in capsys.readouterr().out
    assert main([str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl" in capsys.readouterr().err
    assert main([str(good), "--corpus", "no-such-format"]) == 2
    assert "no-such-format" in capsys.readouterr().err
    assert main([str(good), "--tasks", "ner", "emd"]) == 1


def test_a_layer_without_spans_of_one_token_has_ends_that_look_one_too_far(tmp_path):
    text = "Ada met Bo in Oslo ."
    spans = [[[0, 1, "PER"], [2, 3, "PER"], [4, 5, "GPE"]]]
    path = write(tmp_path / "a.jsonl", *[record(key, text, ner=spans) for key in "abcd"])
    (problem,) = [p for p in validate_corpus([path]).problems if p.kind == "exclusive ends"]
    assert (problem.severity, problem.place) == ("warning", str(path))
    assert problem.message.startswith("'ner': none of 12 spans has one token: all ends look one too far")
    # One span of a single token, or too few spans to tell.
    write(path, *[record(key, text, ner=spans) for key in "abc"], record("d", text, ner=[[[0, 0, "PER"]]]))
    assert "exclusive ends" not in [p.kind for p in validate_corpus([path]).problems]
    write(path, *[record(key, text, ner=spans) for key in "abc"])
    assert "exclusive ends" not in [p.kind for p in validate_corpus([path]).problems]


def test_arguments_that_all_are_one_too_far(tmp_path):
    layers = {"ner": [[[0, 0, "PER"], [2, 3, "PER"]]], "relations": [[[0, 1, 2, 4, "R"]]]}
    path = write(tmp_path / "a.jsonl", *[record(key, **layers) for key in "abcde"])
    told = [p.message for p in validate_corpus([path]).problems if p.kind == "exclusive ends"]
    assert any(each.startswith("'relations': all 10 arguments that are no mentions would be") for each in told)
    layers["relations"] = [[[0, 1, 2, 3, "R"]]]
    write(
        path, *[record(key, **layers) for key in "abcdefghijk"], record("x", relations=[[[0, 3, 4, 4, "R"]]], ner=[[]])
    )
    assert not any("arguments" in p.message for p in validate_corpus([path]).problems if p.kind == "exclusive ends")


def test_a_layer_whose_name_differs_by_its_case(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a", NER=[[[0, 0, "PER"]]]), record("b", "He sleeps .", NER=[[]]))
    assert "'NER' is a layer of its own; did you mean 'ner'?" in validate_corpus([path]).problems[0].message


def test_documents_of_other_formats_that_cannot_be_used_are_problems_too(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("-DOCSTART- O\n\nAda B-PER\n\n-DOCSTART- O\n\nBo PER\n\n-DOCSTART- O\n\nOslo B-LOC\n")
    report = validate_corpus([path], Conll2003Corpus())
    (problem,) = report.errors
    assert (problem.kind, problem.place) == ("unusable document", str(path))
    assert ":7: expected a tag" in problem.message
    assert report.counts[str(path)].totals["documents"] == 2


def test_lines_that_are_no_json_behind_the_first(tmp_path):
    path = write(tmp_path / "a.jsonl", record("a"))
    path.write_text(path.read_text() + "{not json}\n" + json.dumps(record("b", "He sleeps .")))
    report = validate_corpus([path])
    assert [problem.place for problem in report.errors] == [f"{path}:2"]
    assert report.counts[str(path)].totals["documents"] == 2


def test_nothing_acts_on_the_terminal(tmp_path, capsys):
    layers = {"ner": [[[0, 0, "\x1b[31mX"], [0, 0, "\x1b[31mX"]]], "\x9blayer": [[]]}
    path = write(
        tmp_path / "a\x1b]0;x.jsonl", record("key\x1b[2J", "Ada\x1b[31m sleeps .", **layers), {"doc_key": "\x1b"}
    )
    assert main([str(path)]) == 1
    assert main([str(path), str(tmp_path / "\x1bmissing")]) == 2
    captured = capsys.readouterr()
    assert "\\x1b[31mX" in captured.out and "\\x1bmissing" in captured.err
    assert not {"\x1b", "\x9b"} & set(captured.out + captured.err)
