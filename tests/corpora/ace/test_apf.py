import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ace_files import ENGLISH, apf, source_file

from hmtl.corpora.ace.apf import CharSeq, EntityMention, RelationMention, read_annotation
from hmtl.errors import DataError

BROKEN = {("Reporters", 263), ("Reporters", 262)}


def read(tmp_path: Path, content, version: str = "2005"):
    path = tmp_path / "X.apf.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_annotation(path, version)


def text_without_tags(sgml: str) -> str:
    """One character after the other, for comparison."""
    kept, inside = [], False
    for character in sgml:
        if character == "<":
            inside = True
        if not inside:
            kept.append(character)
        if character == ">":
            inside = False
    return "".join(kept)


@pytest.mark.parametrize("path", sorted(ENGLISH.rglob("*.apf.xml")), ids=lambda path: path.name)
def test_the_offsets_of_the_fixtures_are_those_of_their_texts(path):
    text = text_without_tags(path.with_name(path.name.replace(".apf.xml", ".sgm")).read_text())
    sequences = list(ElementTree.parse(path).iter("charseq"))
    assert sequences
    for sequence in sequences:
        start, end = int(sequence.get("START")), int(sequence.get("END"))
        found = text[start : end + 1].replace("&amp;", "&")
        assert (found == sequence.text) == ((sequence.text, start) not in BROKEN)


def test_entities_and_relations_of_2005():
    annotation = read_annotation(ENGLISH / "bc" / "timex2norm" / "CNN_CF_20990107.1900.00.apf.xml")
    key = "CNN_CF_20990107.1900.00"
    assert [(entity.type, len(entity.mentions)) for entity in annotation.entities] == [
        ("PER", 1),
        ("PER", 4),
        ("PER", 2),
        ("GPE", 1),
        ("ORG", 1),
        ("PER", 2),
        ("PER", 1),
    ]
    brother = annotation.entities[2].mentions[0]
    assert brother == EntityMention(f"{key}-E3-1", CharSeq(131, 141, "her brother"), CharSeq(135, 141, "brother"))
    assert annotation.relations == [
        RelationMention(f"{key}-R1-1", "PER-SOC", {1: f"{key}-E2-2", 2: f"{key}-E3-1"}),
        RelationMention(f"{key}-R1-2", "PER-SOC", {1: f"{key}-E3-1", 2: f"{key}-E2-2"}),
        # Its time is no argument.
        RelationMention(f"{key}-R2-1", "PHYS", {1: f"{key}-E2-1", 2: f"{key}-E4-1"}),
        RelationMention(f"{key}-R3-1", "ORG-AFF", {1: f"{key}-E6-1", 2: f"{key}-E5-1"}),
        RelationMention(f"{key}-R4", "METONYMY", {}),
    ]


RELATION_2004 = """<relation ID="R1" TYPE="EMP-ORG" SUBTYPE="Employ-Staff">
  <rel_entity_arg ENTITYID="E1" ARGNUM="1"/><rel_entity_arg ENTITYID="E2" ARGNUM="2"/>
  <relation_mention ID="R1-1" LDCLEXICALCONDITION="Possessive">
    <ldc_extent><charseq START="0" END="4">Ann's</charseq></ldc_extent>
    <rel_mention_arg ENTITYMENTIONID="E2-1" ARGNUM="2"/>
    <rel_mention_arg ENTITYMENTIONID="E1-1" ARGNUM="1"/>
  </relation_mention>
</relation>"""


def test_relations_of_2004(tmp_path):
    content = source_file(RELATION_2004).replace("v5.1.1", "v4.0.1")
    assert read(tmp_path, content, "2004").relations == [RelationMention("R1-1", "EMP-ORG", {1: "E1-1", 2: "E2-1"})]


def test_texts_are_decoded(tmp_path):
    annotation = read(tmp_path, apf([("a", "E1", "ORG", 0, 6, "R&D")]))
    assert annotation.entities[0].mentions[0].head == CharSeq(0, 6, "R&D")


BOMB = """<?xml version="1.0"?>
<!DOCTYPE source_file [
<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]><source_file><document DOCID="X">&c;</document></source_file>"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE source_file [<!ENTITY a SYSTEM "SECRET">]>
<source_file><document DOCID="&a;">&a;</document></source_file>"""
PARAMETER = """<?xml version="1.0"?>
<!DOCTYPE source_file [<!ENTITY % a SYSTEM "SECRET"> %a;]>
<source_file><document DOCID="X"/></source_file>"""
GOOD = apf([("a", "E1", "PER", 0, 2, "Ann")], [("PHYS", "a", "a")])


@pytest.mark.parametrize("content", [BOMB, EXTERNAL, PARAMETER], ids=["bomb", "external", "parameter"])
def test_entities_are_refused_and_nothing_else_is_read(tmp_path, content):
    secret = tmp_path / "secret.txt"
    secret.write_text("confidential")
    with pytest.raises(DataError) as raised:
        read(tmp_path, content.replace("SECRET", secret.as_uri()))
    assert re.fullmatch(r".*/X\.apf\.xml: declares XML entities[^\n]*", str(raised.value))
    assert "confidential" not in str(raised.value)


@pytest.mark.parametrize(
    "content, message",
    [
        (GOOD[: len(GOOD) // 2], r"X\.apf\.xml:3: no well-formed XML"),
        ("", r"X\.apf\.xml:1: no well-formed XML"),
        (GOOD.replace("</head>", "", 1), r"X\.apf\.xml:3: no well-formed XML"),
        (GOOD.replace("Ann", "&nbsp;"), r"X\.apf\.xml:3: no well-formed XML \(undefined entity"),
        (GOOD.replace("Ann", "Ren\xe9").encode("latin-1"), r"X\.apf\.xml:3: no well-formed XML"),
        (GOOD.replace('"1.0"', '"1.0" encoding="klingon"'), r"X\.apf\.xml: no readable encoding \(unknown encoding"),
        ("<html/>", r"X\.apf\.xml: expected <source_file> with a <document>, found <html>"),
        (GOOD.replace('START="0"', 'START="x"'), r'X\.apf\.xml: START="x" of a <charseq> is no number'),
        (GOOD.replace('START="0"', 'START="-1"'), r'X\.apf\.xml: START="-1" of a <charseq> is no number'),
        (GOOD.replace('END="2"', ""), r"X\.apf\.xml: a <charseq> has no END"),
        (GOOD.replace("head>", "foot>"), r"X\.apf\.xml: mention a has no <head>"),
        (GOOD.replace("REFID", "ID"), r"X\.apf\.xml: a <relation_mention_argument> has no REFID; .* version"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    with pytest.raises(DataError) as raised:
        read(tmp_path, content)
    assert re.search(message, str(raised.value)), raised.value
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"Y\.apf\.xml: no such file"):
        read_annotation(tmp_path / "Y.apf.xml")
