"""brat's files, read by a parser that follows brat's own description of them."""

import re

import pytest
from odd_texts import odd_texts

from hmtl.annotation import OutputFormat
from hmtl.errors import UserError

LAYERS = {"ner": "spans", "emd": "spans", "relation": "relations", "coref": "clusters"}


def parsed(folder, name):
    """Entities as `id: (type, fragments)`, relations as `(type, id, id)`; checks what brat checks."""
    text = (folder / f"{name}.txt").read_bytes().decode()
    content = (folder / f"{name}.ann").read_bytes().decode()
    entities, relations, ids = {}, [], set()
    # Python's notion of a line, which is brat's.
    lines = content.splitlines()
    assert content == "".join(f"{line}\n" for line in lines)
    for line in lines:
        name, middle, *rest = line.split("\t")
        assert re.fullmatch(r"[TR]\d+", name) and name not in ids
        ids.add(name)
        if name[0] == "R":
            kind, arg1, arg2 = middle.split(" ")
            relations.append((kind, arg1.removeprefix("Arg1:"), arg2.removeprefix("Arg2:")))
            assert rest == []
            continue
        kind, _, offsets = middle.partition(" ")
        fragments = [tuple(map(int, fragment.split(" "))) for fragment in offsets.split(";")]
        assert re.fullmatch(r"[A-Za-z0-9_-]+", kind)
        assert all(0 <= start < end <= len(text) for start, end in fragments)
        assert all(end < start for (_, end), (start, _) in zip(fragments, fragments[1:]))
        pieces = [text[start:end] for start, end in fragments]
        assert all(len(piece.splitlines()) == 1 and piece == piece.strip() for piece in pieces)
        assert rest == [" ".join(pieces)]
        entities[name] = kind, fragments
    assert all(arg1 in entities and arg2 in entities for _, arg1, arg2 in relations)
    return entities, relations


def bounds(mention):
    return mention["char_start"], mention["char_end"]


def check(folder, name, output):
    """The files say what the output says."""
    assert (folder / f"{name}.txt").read_bytes().decode() == output["text"]
    entities, relations = parsed(folder, name)
    whole = {name: (fragments[0][0], fragments[-1][1]) for name, (_, fragments) in entities.items()}
    spans = sorted((whole[name], kind) for name, (kind, _) in entities.items() if kind != "Mention")
    assert spans == sorted(
        (bounds(row), re.sub("[^A-Za-z0-9_-]", "_", f"{task}-{row['label']}"))
        for task in ("ner", "emd")
        for row in output[task]
    )
    found = [(kind, whole[arg1], whole[arg2]) for kind, arg1, arg2 in relations]
    links = [(later, earlier) for cluster in output["coref"] for earlier, later in zip(cluster, cluster[1:])]
    assert found == [
        *((f"relation-{row['label']}", bounds(row["arg1"]), bounds(row["arg2"])) for row in output["relation"]),
        *(("Coref", bounds(later), bounds(earlier)) for later, earlier in links),
    ]
    return entities, relations


@pytest.mark.parametrize("predictor", ["talkative", "talkative_spans"])
def test_odd_texts(predictor, shared_data, tmp_path, request):
    texts = odd_texts(shared_data, 40)
    inputs = ({"doc_key": f"t{n}", "text": text} for n, text in enumerate(texts))
    outputs = list(request.getfixturevalue(predictor).annotate(inputs))
    OutputFormat.by_name("brat")(LAYERS).write(iter(outputs), tmp_path / "brat")
    files = {path.name for path in (tmp_path / "brat").iterdir()}
    assert files == {f"t{n}.{kind}" for n in range(40) for kind in ("txt", "ann")} | {"annotation.conf"}
    num_in_pieces, kinds, num_mentions = 0, set(), 0
    for number, output in enumerate(outputs):
        entities, relations = check(tmp_path / "brat", f"t{number}", output)
        num_in_pieces += sum(len(fragments) > 1 for _, fragments in entities.values())
        num_mentions += sum(kind == "Mention" for kind, _ in entities.values())
        kinds.update(kind for kind, _ in entities.values())
        kinds.update(kind for kind, _, _ in relations)
    assert num_in_pieces > 10 and num_mentions > 0
    configuration = (tmp_path / "brat" / "annotation.conf").read_text().splitlines()
    sections = {line for line in configuration if line.startswith("[")}
    assert sections == {"[entities]", "[relations]", "[events]", "[attributes]"}
    listed = {line.split("\t")[0] for line in configuration if line and line[0] != "#" and line not in sections}
    assert listed == kinds


def mention(text, start, end, words, **more):
    char_start = text.index(words)
    return {"start": start, "end": end, "char_start": char_start, "char_end": char_start + len(words), **more}


def test_line_by_line(tmp_path):
    text = "He met New \r\n York\tCity."
    name = mention(text, 2, 4, "New \r\n York\tCity", label="PLACE (big)")
    he = mention(text, 0, 0, "He")
    relation = {"label": "at", "arg1": he, "arg2": name}
    output = {"doc_key": "a", "text": text, "ner": [name], "emd": [], "relation": [relation], "coref": [[he, name]]}
    OutputFormat.by_name("brat")(LAYERS).write([output], tmp_path / "brat")
    assert (tmp_path / "brat" / "a.ann").read_text().splitlines() == [
        "T1\tner-PLACE__big_ 7 10;14 18;19 23\tNew York City",
        "T2\tMention 0 2\tHe",
        "R1\trelation-at Arg1:T2 Arg2:T1",
        "R2\tCoref Arg1:T1 Arg2:T2",
    ]
    check(tmp_path / "brat", "a", output)


def test_file_names(tmp_path):
    keys = ["nw/a b", "nw/a_b", "NW/A B", "../x", "", "é" * 200]
    outputs = [{"doc_key": key, "text": "a", "ner": [], "emd": [], "relation": [], "coref": []} for key in keys]
    OutputFormat.by_name("brat")(LAYERS).write(outputs, tmp_path / "brat")
    names = {path.stem for path in (tmp_path / "brat").glob("*.txt")}
    assert names == {"nw_a_b", "nw_a_b_2", "NW_A_B_3", "_x", "text", "é" * 60}


def test_the_folder_is_new_and_complete_or_not_there(tmp_path):
    form = OutputFormat.by_name("brat")(LAYERS)
    with pytest.raises(UserError, match="name a new folder for them by --output"):
        form.write([], None)
    (tmp_path / "old").mkdir()
    with pytest.raises(UserError, match="old: exists already"):
        form.write([], tmp_path / "old")

    def failing():
        yield {"doc_key": "a", "text": "a", "ner": [], "emd": [], "relation": [], "coref": []}
        raise UserError("no more")

    incomplete = tmp_path / "new.incomplete"
    with pytest.raises(UserError) as caught:
        form.write(failing(), tmp_path / "new")
    assert str(caught.value) == f"no more; what was written before is in {incomplete}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.incomplete", "old"]
    assert sorted(path.name for path in incomplete.iterdir()) == ["a.ann", "a.txt", "annotation.conf"]
    # Somebody may work on it.
    with pytest.raises(UserError, match="new.incomplete: exists already"):
        form.write([], tmp_path / "new")

    def empty():
        raise UserError("no more")
        yield

    with pytest.raises(UserError, match="^no more$"):
        form.write(empty(), tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.incomplete", "old"]


def test_a_full_disk_names_the_file_and_keeps_the_texts_before_it(tmp_path, small_disk):
    outputs = [
        {"doc_key": key, "text": "a" * length, "ner": [], "emd": [], "relation": [], "coref": []}
        for key, length in [("a", 1), ("b", 10_000), ("c", 1)]
    ]
    with pytest.raises(UserError) as caught:
        OutputFormat.by_name("brat")(LAYERS).write(outputs, tmp_path / "out")
    incomplete = tmp_path / "out.incomplete"
    assert str(caught.value) == (
        f"{tmp_path}/out/b.txt: cannot be written: file too large; what was written before is in {incomplete}"
    )
    assert sorted(path.name for path in incomplete.iterdir()) == ["a.ann", "a.txt", "annotation.conf"]
