"""Each format is found by its looks, and its files become the documents that are written down beside them."""

import json

import pytest
from conversions import CONVERSIONS, FIXTURES, LETTER, Conversion, by_reason

from hmtl.alignment import Changes
from hmtl.corpora import Corpus
from hmtl.corpora.formats import read_any, sniff
from hmtl.errors import DataError, UserError


def ids(conversion: Conversion) -> str:
    return conversion.path


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=ids)
def test_the_documents_are_those_written_by_hand(conversion):
    changes = Changes()
    assert sniff(FIXTURES / conversion.path).name == conversion.format
    documents = list(read_any(FIXTURES / conversion.path, changes=changes))
    found = [document.to_json() for document in documents]
    for record in found:
        record.pop("text", None)
        record.pop("token_offsets", None)
    assert found == conversion.documents
    assert by_reason(changes.dropped) == conversion.dropped
    assert by_reason(changes.changed) == conversion.changed
    if conversion.text:
        assert documents[0].metadata["text"] == conversion.text


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=ids)
def test_a_text_that_is_kept_has_its_tokens_where_they_are_said_to_be(conversion):
    for document in read_any(FIXTURES / conversion.path):
        if "text" in document.metadata:
            text = document.metadata["text"]
            assert [text[start:end] for start, end in document.metadata["token_offsets"]] == document.tokens
            assert document.text.text == text


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=ids)
def test_a_configuration_reads_the_format_as_a_corpus(conversion):
    corpus = Corpus.by_name(conversion.format)()
    documents = list(corpus.documents(str(FIXTURES / conversion.path)))
    assert [document.to_json() for document in documents] == [
        document.to_json() for document in read_any(FIXTURES / conversion.path)
    ][: len(documents)]
    assert [document.sentences for document in documents] == [each["sentences"] for each in conversion.documents]


@pytest.mark.parametrize("conversion", [each for each in CONVERSIONS if each.path != "brat"], ids=ids)
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(conversion, tmp_path):
    source = FIXTURES / conversion.path
    for path in [source] if source.is_file() else sorted(source.iterdir()):
        content = path.read_bytes().replace(b"\n", b"\r\n")
        mark = b"" if path.suffix == ".md" else b"\xef\xbb\xbf"
        target = tmp_path / (path.name if source.is_file() else f"{source.name}/{path.name}")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(mark + (content if path.suffix != ".md" else path.read_bytes()))
    found, expected = (
        [document.to_json() for document in read_any(place / conversion.path)] for place in (tmp_path, FIXTURES)
    )
    assert found == expected


def test_spacys_files_keep_their_tokens(tmp_path):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin, Span

    nlp = spacy.blank("en")
    doc = nlp("Mara Lind works for Nordlys.\n\nShe left the company-wide party.")
    doc.ents = [Span(doc, 0, 2, "PER"), Span(doc, 4, 5, "ORG")]
    she = next(token.i for token in doc if token.text == "She")
    doc.spans["roles"] = [Span(doc, 0, 2, "employee")]
    doc.spans["coref_clusters_1"] = [Span(doc, 0, 2), Span(doc, she, she + 1)]
    DocBin(docs=[doc, nlp("Nothing here.")], store_user_data=True).to_disk(tmp_path / "train.spacy")
    first, second = read_any(tmp_path / "train.spacy")
    assert sniff(tmp_path / "train.spacy").name == sniff(tmp_path).name == "spacy"
    assert first.to_json() == {
        "doc_key": "train_1",
        "sentences": [LETTER, ["She", "left", "the", "company", "-", "wide", "party", "."]],
        "ner": [[[0, 1, "PER"], [4, 4, "ORG"]], []],
        "roles": [[[0, 1, "employee"]], []],
        "clusters": [[[0, 1], [6, 6]]],
        "text": doc.text,
        "token_offsets": first.metadata["token_offsets"],
    }
    assert (second.spans, second.clusters) == ({"ner": [], "roles": []}, [])
    (tmp_path / "broken.spacy").write_bytes(b"x\x9cnothing")
    with pytest.raises(DataError, match=r"broken.spacy: cannot be read as spaCy's DocBin"):
        list(read_any(tmp_path / "broken.spacy"))


def test_tables_of_the_hub_bring_their_names(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = ["O", "B-PER", "I-PER", "B-LOC"]
    features = {"tokens": {"feature": {"dtype": "string"}}, "ner_tags": {"feature": {"names": names}}}
    table = pyarrow.table({"tokens": [["Mara", "Lind", "left", "Oslo"]], "ner_tags": [[1, 2, 0, 3]]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, tmp_path / "train.parquet")
    saved = tmp_path / "saved"
    saved.mkdir()
    with pyarrow.ipc.new_stream(str(saved / "data-00000-of-00001.arrow"), table.schema) as writer:
        writer.write_table(table)
    (saved / "state.json").write_text("{}")
    (saved / "dataset_info.json").write_text("{}")
    for path in (tmp_path / "train.parquet", saved):
        [document] = read_any(path)
        assert document.spans == {"ner": [(0, 1, "PER"), (3, 3, "LOC")]}
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "train.parquet").read_bytes()[:200])
    with pytest.raises(DataError, match="cut.parquet: cannot be read as a table"):
        list(read_any(tmp_path / "cut.parquet"))


def test_numbers_get_the_names_that_are_given(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"tokens": ["Oslo", "wins"], "ner_tags": [1, 0]}\n')
    [document] = read_any(path, options={"labels": ["O", "B-TEAM"]})
    assert document.spans["ner"] == [(0, 0, "TEAM")]
    with pytest.raises(DataError, match=r"rows.jsonl:1: 'ner_tags' are numbers without names: .*--labels"):
        list(read_any(path))
    with pytest.raises(DataError, match="'ner_tags' holds 1, and there are 1 names, for 0 to 0"):
        list(read_any(path, options={"labels": ["O"]}))
    features = {"ner_tags": {"feature": {"names": ["O", "B-CITY"], "_type": "ClassLabel"}, "_type": "Sequence"}}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"features": features}))
    [document] = read_any(path)
    assert document.spans["ner"] == [(0, 0, "CITY")]


def test_columns_are_chosen_by_name_and_number(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("id\tform\tcoarse\tner\n1\tOslo\tB-X\tB-LOC\n2\twins\tO\tO\n")
    assert [list(read_any(path, "columns", options={"word": "form", "tag": tag}))[0].spans["ner"] for tag in
            ("coarse", "ner", 2, "-1")] == [[(0, 0, "X")], [(0, 0, "LOC")], [(0, 0, "X")], [(0, 0, "LOC")]]  # fmt: skip
    with pytest.raises(DataError, match="there is no column 'frm' for the word; did you mean 'form'?"):
        list(read_any(path, "columns", options={"word": "frm"}))
    with pytest.raises(DataError, match="there is no column 7 for the tag: the rows have 4 columns"):
        list(read_any(path, "columns", options={"tag": 7}))
    path.write_text("Oslo,B-LOC\nwins,O\n")
    [document] = read_any(path, "columns", options={"separator": "comma", "layer": "places"})
    assert document.spans == {"places": [(0, 0, "LOC")]}


def words_of(document):
    return [document.text.mention(span.start, span.end)["text"] for span in document.spans["ner"]]


def test_offsets_of_browsers_bytes_and_unix_line_ends_are_understood(tmp_path):
    (tmp_path / "a.txt").write_bytes("é🙂 Oslo\r\nand Bergen".encode())
    text = "é🙂 Oslo\r\nand Bergen"
    for encoding, start, size in (("utf-16-le", 4, 2), ("utf-8", 7, 1)):
        oslo = len("é🙂 ".encode(encoding)) // size
        assert oslo == start
        bergen = len("é🙂 Oslo\r\nand ".encode(encoding)) // size
        (tmp_path / "a.ann").write_text(
            f"T1\tLOC {oslo} {oslo + 4}\tOslo\nT2\tLOC {bergen} {bergen + 6}\tBergen\n", encoding="utf-8"
        )
        [document] = read_any(tmp_path, "brat")
        assert [document.text.mention(span.start, span.end)["text"] for span in document.spans["ner"]] == [
            "Oslo",
            "Bergen",
        ]
        assert document.metadata["text"] == text
    (tmp_path / "a.ann").write_text("T1\tLOC 3 7\tOslo\nT2\tLOC 12 18\tBergen\n")
    [document] = read_any(tmp_path, "brat")
    assert words_of(document) == ["Oslo", "Bergen"]


def test_keys_that_come_twice_get_a_number(tmp_path):
    path = tmp_path / "twice.jsonl"
    path.write_text('{"id": 1, "text": "Oslo", "label": []}\n' * 3)
    changes = Changes()
    assert [document.doc_key for document in read_any(path, changes=changes)] == ["1", "1_2", "1_3"]
    assert by_reason(changes.changed) == {("document", "its key was taken, and got a number"): 2}


def test_a_folder_of_files_of_one_format_is_that_format(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.tsv").write_bytes((FIXTURES / "inception.tsv").read_bytes())
    (tmp_path / "notes.md").write_text("# Notes\n")
    assert sniff(tmp_path).name == "webanno"
    assert [document.doc_key for document in read_any(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    "name, content, looks",
    [
        ("a.txt", "Only a text.\n", r"plain text, which begins with 'Only a text.'.*hmtl annotate"),
        ("a.json", '{"x": 1, "y": []}', r"JSON of objects with the keys 'x', 'y'"),
        ("a.json", "[1, 2]", "a JSON list of int"),
        ("a.tsv", "one\t1\tsome text\ntwo\t2\tsome more\n", r"a table of 3 columns.*'one \| 1 \| some text'.*--word 0"),
        ("a.tsv", "Claim\tVerdict\nA b\tno\n", '"text": "Claim", "layers": {"verdict": "Verdict"}}\' where'),
        ("a.csv", 'Verdict,Claim\nno,"A, b"\n', '"text": "Claim", "layers": {"verdict": "Verdict"}}\' where'),
        ("a.tsv", "Claim\tVerdict\nA\tno\nB\tno\n", "--word 0 --tag -1"),
        ("a.xml", "<html><p>x</p></html>", "XML or HTML"),
        ("a.png", "\x89PNG\r\n\x1a\n", r"no UTF-8 text \(it begins with the bytes 89 50"),
        ("a.txt", "", "an empty file"),
    ],
)
def test_what_is_not_known_is_described(tmp_path, name, content, looks):
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=looks) as raised:
        sniff(path)
    assert "tried: " in str(raised.value) and "label_studio" in str(raised.value)


def test_an_unknown_folder_name_or_option_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="a folder without files"):
        sniff(tmp_path)
    (tmp_path / "a.md").write_text("x")
    with pytest.raises(DataError, match=r"a folder of files \(1 of .md\)"):
        sniff(tmp_path)
    with pytest.raises(UserError, match="--from brta: no format of that name; did you mean 'brat'?"):
        sniff(tmp_path, "brta")
    with pytest.raises(UserError, match="the format 'brat' has no option 'boundary'; did you mean 'boundaries'?"):
        sniff(tmp_path, "brat", {"boundary": "snap"})
    with pytest.raises(UserError, match="boundaries is 'cut'; expected one of split, snap, drop, error"):
        sniff(tmp_path, "brat", {"boundaries": "cut"})
    with pytest.raises(DataError, match="no such file or directory"):
        sniff(tmp_path / "nothing")


def test_policies_of_a_format_decide(tmp_path):
    (tmp_path / "a.txt").write_text("Nordlysfirm in Oslo.")
    (tmp_path / "a.ann").write_text("T1\tORG 0 7\tNordlys\nT2\tLOC 15 16;18 19\tO l\n")
    expected = {
        ("split", "cover"): (["Nordlys", "firm", "in", "Osl", "o", "."], [(0, 0, "ORG"), (3, 3, "LOC")]),
        ("snap", "first"): (["Nordlysfirm", "in", "Oslo", "."], [(0, 0, "ORG"), (2, 2, "LOC")]),
        ("drop", "drop"): (["Nordlysfirm", "in", "Oslo", "."], []),
    }
    (tmp_path / "a.ann").write_text("T1\tORG 0 7\tNordlys\nT2\tLOC 15 16;17 18\tO l\n")
    for (boundaries, discontinuous), (tokens, spans) in expected.items():
        options = {"boundaries": boundaries, "discontinuous": discontinuous}
        [document] = read_any(tmp_path, "brat", options=options)
        assert (document.tokens, document.spans["ner"]) == (tokens, spans)
    with pytest.raises(DataError, match="a.ann: document 'a': the span 'Nordlys'.* begins or ends within a token"):
        list(read_any(tmp_path, "brat", options={"boundaries": "error"}))
    with pytest.raises(DataError, match="a span in 2 pieces"):
        list(read_any(tmp_path, "brat", options={"discontinuous": "error"}))


def test_the_conversion_table_has_every_fixture():
    assert {path.name for path in FIXTURES.iterdir()} == {conversion.path for conversion in CONVERSIONS}


def test_mentions_of_gum_are_those_of_its_own_reader(shared_data):
    """Two readers of `Entity=`, written apart, agree on real documents, discontinuous mentions among them."""
    path = shared_data / "gum" / "test.txt"
    listed = path.read_text().split()
    own = {document.doc_key: document for document in Corpus.by_name("gum")().documents(str(path))}
    num_mentions = 0
    for name in listed:
        [document] = read_any(shared_data / "gum" / "dep" / f"{name}.conllu")
        assert document.sentences == own[name].sentences
        assert set(document.spans["mentions"]) == set(own[name].spans["mentions"])
        num_mentions += len(document.spans["mentions"])
    assert num_mentions == sum(len(own[name].spans["mentions"]) for name in listed) == 3142


def test_counts_of_wnut17_are_the_published_ones(shared_data):
    documents = list(read_any(shared_data / "wnut17" / "emerging.dev.conll"))
    assert sum(len(document.spans["ner"]) for document in documents) == 836
