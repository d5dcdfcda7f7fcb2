"""A malformed file of any format is one error that names the file, the line or the record, and what was expected."""

import json
import re

import pytest

from hmtl.corpora.formats import read_any
from hmtl.errors import DataError

TEXT = "Mara Lind left Oslo."
PASSAGE = "<passage><offset>0</offset><text>Oslo wins</text>{}</passage>"
BIOC = f"<collection><document><id>1</id>{PASSAGE}</document></collection>"
WEBANNO = "#FORMAT=WebAnno TSV 3.3\n#T_SP=x.NamedEntity|value\n\n\n#Text=Oslo wins\n"
CONLLU = "1\tMara\tMara\tPROPN\t_\t_\t{}\troot\t_\t{}\n\n"


def task(**value):
    region = {"id": "r", "type": "labels", "value": {"labels": ["LOC"], **value}}
    return json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": [{"result": [region]}]}])


def spans(*rows, **more):
    return json.dumps({"text": TEXT, "spans": list(rows), **more}) + "\n"


# The format, the file's name, its content, and the message behind the name of the file.
BROKEN = [
    ("brat", "a.ann", "T1\tLOC 15\tOslo\n", r":1: expected 'T1<tab>TYPE START END<tab>TEXT', found"),
    ("brat", "a.ann", "T1\tLOC 15 19\tOslo\nT1\tLOC 0 4\tMara\n", ":2: 'T1' stands twice, also in line 1"),
    ("brat", "a.ann", "T1\tLOC 16 20\tOslo\n", r":1: a: characters 16 to 20 of the text are 'slo.', .* says 'Oslo'"),
    ("brat", "a.ann", "T1\tLOC 16 99\t\n", r":1: 'T1': characters 16 to 99 lie outside the text of 20 characters"),
    ("brat", "a.ann", "R1\tIn Arg1:T1 Arg2:T2\n", ":1: 'T1' is an argument of 'In', and there is no line 'T1'"),
    ("brat", "a.ann", "R1\tIn T1 T2\n", ":1: expected 'R1<tab>TYPE Arg1:T1 Arg2:T2'"),
    ("brat", "a.ann", "*\tEquiv T1 T2\n", ":1: 'T1' is in this cluster, and no line above has that name"),
    ("brat", "a.ann", "Mara is here\n", ":1: expected a line that begins with T, R"),
    ("brat", "a.ann", "T1\tLOC 15 19\tOslo\nT2\tLOC 0 4\tM\xe9ra\n".encode("latin-1"), ":2: not valid UTF-8"),
    ("brat", "b.ann", "", ": there is no text 'b.txt' beside these annotations"),
    ("label_studio", "a.json", task(start=16, end=20, text="Oslo"), ": task 1: 'text': characters 16 to 20"),
    ("label_studio", "a.json", task(start=16), ": task 1: the region 'r' is .*'start' and 'end' in characters"),
    ("label_studio", "a.json", task(start=0, end=40), ": .*characters 0 to 40 lie outside the text of 20 characters"),
    ("label_studio", "a.json", task(start=0, end=4, labels=[3]), ": task 1: the region 'r' has a label that cannot"),
    ("label_studio", "a.json", '[{"data": {}, "annotations": [{"result": []}]}]', ": task 1: the data have no text"),
    ("label_studio", "a.json", "[{", ":1: not valid JSON .*; expected a JSON list of tasks"),
    ("doccano", "a.jsonl", spans() + "{\n", ":2: not valid JSON"),
    ("doccano", "a.jsonl", spans([0, 4]), r":1: 'spans' holds \[0, 4\]; expected a start, an end and a label"),
    ("doccano", "a.jsonl", spans([0, 40, "PER"]), ":1: document 'a_1': characters 0 to 40 lie outside the text of 20"),
    ("doccano", "a.jsonl", spans([4, 0, "PER"]), ":1: document 'a_1': characters 4 to 0 lie outside the text"),
    ("doccano", "a.jsonl", spans([0, 4, " "]), ":1: 'spans' has a label that cannot be used: an empty label"),
    ("doccano", "a.jsonl", '{"spans": []}\n', ":1: expected an object with 'text' and .*found the keys 'spans'"),
    ("doccano", "a.jsonl", spans(relations=[{"from_id": 1, "to_id": 2, "type": "x"}]), ":1: .*no span has as id"),
    ("doccano", "a.jsonl", spans(relations=[{"type": "x"}]), ":1: the relation .* names no arguments by 'from_id'"),
    ("huggingface", "a.jsonl", '{"tokens": ["a"], "ner_tags": ["O", "O"]}\n', ":1: 'ner_tags' has 2 tags for 1 tokens"),
    ("huggingface", "a.jsonl", '{"tokens": ["a"]}\n', ":1: expected tags in 'ner_tags' beside 'tokens'"),
    ("huggingface", "a.jsonl", '{"words": "a"}\n', ":1: expected the keys 'tokens' and 'ner_tags', found 'words'"),
    ("huggingface", "a.json", '[{"tokens": [""], "ner_tags": ["O"]}]', ": .*sentence 0 holds a token that is not"),
    ("columns", "a.tsv", "Oslo\tB-LOC\nwins\n", r":2: expected 2 columns as in the rows above, found 1 \(separated by"),
    ("columns", "a.tsv", "Oslo\tplace\nwins\tnothing\n", ":1: none of the 2 columns .* has tags alone.*--word 0"),
    ("columns", "a.tsv", "\n\n", ": no rows found; is the file empty?"),
    ("columns", "a.conll", "Oslo B-\nwins O\n", ":1: none of the 2 columns .* has tags alone"),
    ("conllu", "a.conllu", "1\tMara\n", ":1: expected 10 columns separated by tabs, found 2"),
    ("conllu", "a.conllu", CONLLU.format("x", "_"), ":1: expected token 1 with the number of its head"),
    ("conllu", "a.conllu", CONLLU.format(0, "Entity=(e1-person"), ":1: unbalanced brackets: '\\(e1' is not closed"),
    ("conllu", "a.conllu", CONLLU.format(0, "Entity=e1)"), r":1: unbalanced brackets: 'e1\)' closes a mention that"),
    ("conllu", "a.conllu", CONLLU.format(0, "Entity=e1"), ":1: 'Entity=e1' is no sequence of"),
    ("conllu", "a.conllu", CONLLU.format(0, "Entity=(e1[1/2]-x)"), ":1: the discontinuous mention 'e1' lacks its last"),
    ("webanno", "a.tsv", "#FORMAT=WebAnno TSV 2\n", ":1: expected '#FORMAT=WebAnno TSV 3.3', found"),
    ("webanno", "a.tsv", "1-1\t0-4\tOslo\t_\n", ":1: expected '1-1<tab>0-5<tab>WORD"),
    ("webanno", "a.tsv", WEBANNO + "1-1\t0-4\tOslo\n", ":6: expected 4 columns for the layers in the head, found 3"),
    ("webanno", "a.tsv", WEBANNO + "1-1\tx\tOslo\t_\n", ":6: expected '1-1<tab>0-5<tab>WORD"),
    ("pubtator", "a.txt", "1|t|Oslo wins\n1\t0\t4\tOslo\n", r":2: expected a mention \(ID, start, end, words, type"),
    ("pubtator", "a.txt", "1|t|Oslo wins\n1\t1\t5\tOslo\tLOC\tX\n", r":2: 1: characters 1 to 5 of the text are 'slo '"),
    ("pubtator", "a.txt", "1\t1\t5\tOslo\tLOC\tX\n", r":1: expected 'ID\|t\|TITLE'"),
    ("bioc", "a.xml", "<collection>", r":1: not valid XML"),
    ("bioc", "a.xml", '<!DOCTYPE c [<!ENTITY x "y">]><collection>&x;</collection>', ": not valid XML"),
    ("bioc", "a.xml", "<collection></collection>", ": no documents found; expected a collection of BioC"),
    ("bioc", "a.xml", BIOC.format('<annotation id="1"><location offset="a" length="1"/></annotation>'),
     ": document 1: the annotation .* has no 'locations' with 'offset' and 'length'"),
    ("bioc", "a.xml", BIOC.format('<annotation id="1"><location offset="0" length="4"/><text>Oslo</text></annotation>'),
     ": document 1: 'Oslo' has a label that cannot be used"),
    ("spert", "a.json", '[{"tokens": ["a"], "entities": [{"type": "x", "start": 0, "end": 2}], "relations": []}]',
     ": sentence 1: 'entities' holds .*lies outside the 1 tokens or has none; 'end' is the first token behind"),
    ("spert", "a.json", '[{"tokens": ["a"], "entities": [], "relations": [{"type": "x", "head": 0, "tail": 1}]}]',
     ": sentence 1: 'relations' holds .*numbers from 0 to -1 of entities"),
    ("crossre", "a.json", '{"sentence": ["a"], "ner": [[0, "x"]]}\n', ":1: 'ner' holds .*expected 2 numbers"),
    ("crossre", "a.json", '{"sentence": ["a"], "ner": [[0, 1, "x"]]}\n', r":1: .*\[0, 1\] lies outside"),
    ("annotated", "a.jsonl", '{"text": "a"}\n', ":1: expected the keys 'text', 'sentences' and 'token_offsets'"),
    ("annotated", "a.jsonl", '{"text": "a", "sentences": [["a"]], "ner": [{"start": 0, "label": "x"}]}\n',
     ":1: expected a span with 'start' and 'end', found"),
    ("jsonl", "a.jsonl", '{"doc_key": "a", "sentences": [["a"]], "ner": [[[0, 1, "x"]]]}\n', ":1: .*lies outside"),
]  # fmt: skip


@pytest.mark.parametrize("name, file, content, message", BROKEN, ids=[f"{n}-{m[:40]}" for n, _, _, m in BROKEN])
def test_it_is_one_error_with_its_place(name, file, content, message, tmp_path):
    if name == "brat":
        (tmp_path / "a.txt").write_text(TEXT)
    path = tmp_path / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as raised:
        list(read_any(tmp_path if name == "brat" else path, name))
    assert re.match(re.escape(str(path)) + message, str(raised.value)), str(raised.value)
    assert "\n" not in str(raised.value)
