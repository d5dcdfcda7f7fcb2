"""Each rule of the conversion, with values worked out by hand."""

import html
from pathlib import Path

import pytest
import spacy
from ace_files import ENGLISH, apf, sgml, source_file, write

from hmtl.corpora.ace import AceConverter, AceOptions
from hmtl.corpora.ace.sgml import read_source_text
from hmtl.document import Document, Relation, Span
from hmtl.errors import DataError, UserError

FILES = {path.stem: path for path in sorted(ENGLISH.rglob("*.sgm"))}
BC, BN, NW, WL = (
    "CNN_CF_20990107.1900.00",
    "CNN_ENG_20990212_101500.3",
    "APW_ENG_20990315.0042",
    "MARKETVIEW_20990410.1200",
)


def fixture(name: str, **options):
    path = FILES[name]
    return AceConverter(AceOptions(**options)).convert(name, path, path.with_name(f"{name}.apf.xml"))


def small(folder: Path, text: str, mentions, relations=(), **options):
    """The conversion of a text; offsets count the line break before it."""
    paths = write(folder, sgml(text), apf(mentions, relations))
    return AceConverter(AceOptions(**options)).convert("X", *paths)


def spans(document: Document) -> list:
    tokens = document.tokens
    return [(" ".join(tokens[start : end + 1]), label) for start, end, label in document.spans["emd"]]


def relations(document: Document) -> list:
    def text(bounds) -> str:
        return " ".join(document.tokens[bounds[0] : bounds[1] + 1])

    return [(text(arg1), label, text(arg2)) for arg1, arg2, label in document.relations]


def dropped(converted) -> list:
    return [(what, reason) for _, what, reason, _ in converted.dropped]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("spans", ["heads", "extents"])
def test_each_token_is_the_source_at_its_offsets(name, spans):
    (document,) = fixture(name, spans=spans).documents
    source = read_source_text(FILES[name]).text
    offsets = document.metadata["token_offsets"]
    assert len(offsets) == len(document.tokens)
    assert [html.unescape(source[start:end]) for start, end in offsets] == document.tokens
    plain = [token for token, (start, end) in zip(document.tokens, offsets) if source[start:end] == token]
    assert len(plain) >= len(document.tokens) - 4
    # All of the text but white space is some token's.
    covered = {index for start, end in offsets for index in range(start, end)}
    assert all(index in covered or character.isspace() for index, character in enumerate(source))


@pytest.mark.parametrize("name", FILES)
def test_documents_survive_json(name):
    (document,) = fixture(name).documents
    assert Document.from_json(document.to_json()) == document


def test_a_broadcast_conversation():
    converted = fixture(BC)
    (document,) = converted.documents
    assert document.sentences == [
        ["CNN_CF_20990107.1900.00"],
        ["STORY"],
        ["2099", "-", "01", "-", "07T19:00:00", "-", "05:00"],
        ["Harbor", "Vote", "Divides", "Town"],
        ["ODELL"],
        ["Good", "evening", "."],
        ["Ilse", "Brandt", "met", "her", "brother", "Tom", "in", "Lunden", "on", "Friday", "."],
        ["BRANDT"],
        ["I", "spoke", "with", "R&D", "engineers", "."],
        ["Was", "it", "Aldo", "Rossi", ",", "SR", ".", "."],
        ["They", "agreed", "."],
    ]
    assert document.spans["emd"] == [
        Span(13, 13, "PER"),
        Span(17, 18, "PER"),
        Span(20, 20, "PER"),
        Span(21, 21, "PER"),
        Span(22, 22, "PER"),
        Span(24, 24, "GPE"),
        Span(28, 28, "PER"),
        Span(29, 29, "PER"),
        Span(32, 32, "ORG"),
        Span(33, 33, "PER"),
        Span(37, 41, "PER"),
        Span(43, 43, "PER"),
    ]
    assert document.relations == [
        Relation((17, 18), (24, 24), "PHYS"),
        Relation((20, 20), (21, 21), "PER-SOC"),
        Relation((21, 21), (20, 20), "PER-SOC"),
        Relation((33, 33), (32, 32), "ORG-AFF"),
    ]
    # Four entities are mentioned once.
    assert document.clusters == [
        [(13, 13)],
        [(17, 18), (20, 20), (28, 28), (29, 29)],
        [(21, 21), (22, 22)],
        [(24, 24)],
        [(32, 32)],
        [(33, 33), (43, 43)],
        [(37, 41)],
    ]
    assert dropped(converted) == [("relation", "METONYMY is left out")]


def test_a_period_beside_that_of_an_abbreviation():
    (document,) = fixture(BC).documents
    assert ("Aldo Rossi , SR .", "PER") in spans(document)
    assert document.sentences[9][-3:] == ["SR", ".", "."]


def test_line_breaks_in_a_head_and_a_sentence_that_the_splitter_cut():
    (document,) = fixture(BN).documents
    # `foreign` ends a line; after `yippee!` the splitter ends a sentence that holds a relation.
    assert ("foreign minister", "PER") in spans(document)
    sentence = ["its", "deputy", "foreign", "minister", "left", "yippee", "!", "of", "denvale", "for", "a"]
    assert document.sentences[4] == [*sentence, "pickup", "truck", "."]
    assert ("yippee", "GEN-AFF", "denvale") in relations(document)
    assert [cluster for cluster in document.clusters if len(cluster) > 1] == [[(12, 12), (16, 16), (33, 33)]]
    assert {label for _, label in spans(document)} == {"FAC", "GPE", "PER", "ORG", "VEH", "WEA"}


def test_newswire_with_every_kind_of_trouble():
    converted = fixture(NW)
    (document,) = converted.documents
    assert spans(document) == [
        ("LUNDEN", "GPE"),
        ("Alvia", "GPE"),
        # Heads within hyphenated words are whole tokens.
        ("Lunden", "GPE"),
        ("head", "PER"),
        # Nested heads.
        ("Alvian", "GPE"),
        ("Alvian Central Bank", "ORG"),
        ("pilot", "PER"),
        ("Alvian", "GPE"),
        ("mayor", "PER"),
        ("him", "PER"),
        ("Her", "PER"),
        ("office", "ORG"),
        ("Washington", "GPE"),
        ("ferry", "VEH"),
        ("Alvia", "GPE"),
    ]
    assert relations(document) == [
        ("head", "GEN-AFF", "Lunden"),
        ("head", "ORG-AFF", "Alvian Central Bank"),
        ("him", "PER-SOC", "head"),
    ]
    assert converted.dropped == [
        (NW, "mention", "type and place of another mention", f"{NW}-E4-2: as {NW}-E4-1"),
        (
            NW,
            "mention",
            "text differs from the text at its offsets",
            f"{NW}-E8-1: text 'Reporters' expected at 263..271, found 'orters wa'",
        ),
        (
            NW,
            "mention",
            "text differs from the text at its offsets",
            f"{NW}-E8-2: text 'Reporters' expected at 262..270, found 'porters w'",
        ),
        (
            NW,
            "relation",
            "type and arguments of another relation",
            f"{NW}-R1-2: ORG-AFF, as {NW}-R1-1",
        ),
        (NW, "relation", "an argument is a dropped mention", f"{NW}-R4-1: PHYS"),
        (NW, "relation", "METONYMY is left out", f"{NW}-R5-1: METONYMY"),
        (NW, "relation", "an argument is no mention of an entity", f"{NW}-R6-1: PHYS"),
        (NW, "cluster", "fewer than two mentions are left", f"{NW}-E8: PER"),
    ]


def test_extents_are_an_option():
    (document,) = fixture(NW, spans="extents").documents
    found = dict.fromkeys(spans(document))
    # Across a line break and commas, with other mentions inside.
    assert ("The Lunden - based head of the Alvian Central Bank , a former pilot", "PER") in found
    assert ("anti - Alvian", "GPE") in found and ("Her office", "ORG") in found
    # The extent of the mention whose head is broken is right.
    assert ("Reporters", "PHYS", "the ferry of Alvia") in relations(document)


def test_a_weblog_without_its_quotations():
    (document,) = fixture(WL).documents
    assert document.sentences[3:] == [
        ["Tea", "&", "Tariffs"],
        ["Nuria", "K."],
        ["2099", "-", "04", "-", "10T12:00:00"],
        ["My", "uncle", "'s", "firm", ",", "Moss", "&", "Sons", ",", "ships", "<", "black", ">", "tea", "."],
        ["They", "sold", "to", '"', "Alvia", '"', "all", "the", "same"],
    ]
    assert relations(document) == [("My", "PER-SOC", "uncle"), ("uncle", "ORG-AFF", "firm")]
    assert ("Moss & Sons", "ORG") in spans(document)
    offsets = document.metadata["token_offsets"]
    ampersand = document.tokens.index("&", 20)
    assert offsets[ampersand][1] - offsets[ampersand][0] == len("&amp;")


@pytest.mark.parametrize("name", FILES)
def test_line_breaks_of_windows_change_nothing(name, tmp_path):
    texts = [path.read_bytes() for path in (FILES[name], FILES[name].with_name(f"{name}.apf.xml"))]
    assert not any(b"\r" in text for text in texts)
    paths = tmp_path / "X.sgm", tmp_path / "X.apf.xml"
    for path, text in zip(paths, texts):
        path.write_bytes(text.replace(b"\n", b"\r\n"))
    assert AceConverter().convert(name, *paths) == fixture(name)


@pytest.mark.parametrize(
    "zone, first, emd",
    [
        ("document", ["CNN_CF_20990107.1900.00"], 12),
        ("body", ["Harbor", "Vote", "Divides", "Town"], 12),
        ("text", ["ODELL"], 12),
    ],
)
def test_zones(zone, first, emd):
    (document,) = fixture(BC, zone=zone).documents
    assert document.sentences[0] == first
    assert len(document.spans["emd"]) == emd


def test_a_mention_outside_of_the_zone_is_dropped(tmp_path):
    paths = write(
        tmp_path,
        "<DOC>Ann<TEXT>Bo</TEXT></DOC>",
        apf([("a", "E1", "PER", 0, 2, "Ann"), ("b", "E2", "PER", 3, 4, "Bo")]),
    )
    converted = AceConverter(AceOptions(zone="text")).convert("X", *paths)
    assert spans(converted.documents[0]) == [("Bo", "PER")]
    assert converted.dropped == [("X", "mention", "outside of the text", "a: 'Ann'")]


def test_a_missing_zone_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"X\.sgm: it has no <TEXT> with an end"):
        AceConverter(AceOptions(zone="text")).convert("X", *write(tmp_path, "<DOC>Ann</DOC>", apf([])))


def test_a_document_without_text_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"X\.sgm: it holds no text"):
        AceConverter().convert("X", *write(tmp_path, "<DOC> \n </DOC>", apf([])))


TWO_SENTENCES = "Ann slept. Bo woke.\n\nCy ran."
TWO_MENTIONS = [("a", "E1", "PER", 1, 3, "Ann"), ("b", "E2", "PER", 12, 13, "Bo"), ("c", "E3", "PER", 22, 23, "Cy")]
BOTH = [("PHYS", "a", "b"), ("PER-SOC", "c", "b")]


@pytest.mark.parametrize(
    "policy, lengths, kept",
    [
        ("merge", [9], [("Ann", "PHYS", "Bo"), ("Cy", "PER-SOC", "Bo")]),
        ("paragraph", [6, 3], [("Ann", "PHYS", "Bo")]),
        ("drop", [3, 3, 3], []),
    ],
)
def test_relations_across_sentences(tmp_path, policy, lengths, kept):
    converted = small(tmp_path, TWO_SENTENCES, TWO_MENTIONS, BOTH, across_sentences=policy)
    (document,) = converted.documents
    assert [len(sentence) for sentence in document.sentences] == lengths
    assert relations(document) == kept
    assert dropped(converted) == [("relation", "arguments in two sentences")] * (2 - len(kept))


@pytest.mark.parametrize("policy", ["merge", "paragraph", "drop"])
def test_a_mention_is_never_cut(tmp_path, policy):
    # Neither by the splitter nor by a blank line.
    mention = [("a", "E1", "ORG", 1, 14, "Stop! Now\n\nfor")]
    (document,) = small(tmp_path, "Stop! Now\n\nfor it.", mention, across_sentences=policy).documents
    assert document.sentences == [["Stop", "!", "Now", "for", "it", "."]]
    assert document.spans["emd"] == [Span(0, 3, "ORG")]


def test_tokens_end_where_heads_do(tmp_path):
    mentions = [("a", "E1", "GPE", 1, 2, "US"), ("b", "E2", "PER", 3, 8, "backed")]
    converted = small(tmp_path, "USbackedforce stays.", mentions)
    assert converted.documents[0].sentences == [["US", "backed", "force", "stays", "."]]
    assert not converted.dropped


def test_white_space_at_the_ends_of_a_head_is_no_part_of_it(tmp_path):
    converted = small(tmp_path, "Hi  Ann \nhere.", [("a", "E1", "PER", 4, 9, " Ann \n")])
    assert spans(converted.documents[0]) == [("Ann", "PER")]
    assert not converted.dropped


def test_white_space_of_any_kind_is_alike(tmp_path):
    assert spans(small(tmp_path, "Ann\nLee.", [("a", "E1", "PER", 1, 7, "Ann Lee")]).documents[0]) == [
        ("Ann Lee", "PER")
    ]
    # But not any amount of it: the offsets would be wrong.
    assert dropped(small(tmp_path, "Ann  Lee.", [("a", "E1", "PER", 1, 8, "Ann Lee")])) == [
        ("mention", "text differs from the text at its offsets")
    ]


def test_a_head_of_white_space_is_dropped(tmp_path):
    converted = small(tmp_path, "Ann  Lee.", [("a", "E1", "PER", 4, 5, "  ")])
    assert dropped(converted) == [("mention", "nothing but white space")]


def test_offsets_behind_the_text(tmp_path):
    converted = small(tmp_path, "Ann.", [("a", "E1", "PER", 900, 902, "Ann")])
    assert converted.dropped[0].detail == "a: text 'Ann' expected at 900..902, found ''"
    assert converted.documents[0].spans == {"emd": []}


def test_entities_in_either_file_and_either_case(tmp_path):
    converted = small(
        tmp_path,
        "R&AMP;D and &quot;T&amp;T&quot;",
        [("a", "E1", "ORG", 1, 7, "R&D"), ("b", "E2", "ORG", 13, 31, '"T&amp;T"')],
    )
    assert not converted.dropped
    assert converted.documents[0].spans["emd"][0] == Span(0, 0, "ORG")


def test_mentions_of_other_types(tmp_path):
    converted = small(tmp_path, "Ann.", [("a", "E1", "CRIME", 1, 3, "Ann")])
    assert converted.dropped == [("X", "mention", "entity type of no known kind", "a: CRIME")]


def test_one_place_may_have_two_types(tmp_path):
    mentions = [("a", "E1", "GPE", 1, 3, "Osl"), ("b", "E2", "ORG", 1, 3, "Osl"), ("c", "E3", "GPE", 1, 3, "Osl")]
    converted = small(tmp_path, "Osl fell.", mentions)
    assert spans(converted.documents[0]) == [("Osl", "GPE"), ("Osl", "ORG")]
    assert dropped(converted) == [("mention", "type and place of another mention")]


PAIR = [("a", "E1", "PER", 1, 3, "Ann"), ("b", "E2", "PER", 9, 10, "Bo")]


@pytest.mark.parametrize(
    "directions, expected",
    [
        ("annotated", [("Ann", "PHYS", "Bo"), ("Bo", "PER-SOC", "Ann"), ("Bo", "PHYS", "Ann")]),
        ("both", [("Ann", "PER-SOC", "Bo"), ("Ann", "PHYS", "Bo"), ("Bo", "PER-SOC", "Ann"), ("Bo", "PHYS", "Ann")]),
        ("ordered", [("Ann", "PER-SOC", "Bo"), ("Ann", "PHYS", "Bo"), ("Bo", "PHYS", "Ann")]),
    ],
)
def test_directions_of_symmetric_relations(tmp_path, directions, expected):
    found = [("PER-SOC", "b", "a"), ("PHYS", "a", "b"), ("PHYS", "b", "a")]
    (document,) = small(tmp_path, "Ann met Bo.", PAIR, found, directions=directions).documents
    assert relations(document) == expected


@pytest.mark.parametrize("directions, merged", [("annotated", 0), ("both", 1), ("ordered", 1)])
def test_a_symmetric_relation_annotated_twice(tmp_path, directions, merged):
    found = [("PER-SOC", "b", "a"), ("PER-SOC", "a", "b")]
    converted = small(tmp_path, "Ann met Bo.", PAIR, found, directions=directions)
    assert dropped(converted) == [("relation", "type and arguments of another relation")] * merged


def test_relations_follow_merged_mentions(tmp_path):
    mentions = [*PAIR, ("c", "E3", "PER", 9, 10, "Bo")]
    converted = small(tmp_path, "Ann met Bo.", mentions, [("PHYS", "a", "b"), ("PHYS", "a", "c"), ("ART", "a", "c")])
    assert relations(converted.documents[0]) == [("Ann", "ART", "Bo"), ("Ann", "PHYS", "Bo")]
    assert dropped(converted) == [
        ("mention", "type and place of another mention"),
        ("relation", "type and arguments of another relation"),
    ]


@pytest.mark.parametrize(
    "relation, options, reason",
    [
        (("METONYMY", "a", "b"), {}, "METONYMY is left out"),
        (("METONYMY", "a", "b"), {"metonymy": True}, None),
        (("FRIEND", "a", "b"), {}, "relation type of no known kind"),
        (("PHYS", "a"), {}, "fewer than two arguments"),
        (("PHYS", "a", "x"), {}, "an argument is no mention of an entity"),
        (("PHYS", "a", "bad"), {}, "an argument is a dropped mention"),
    ],
)
def test_relations_that_are_kept_or_not(tmp_path, relation, options, reason):
    mentions = [*PAIR, ("bad", "E3", "PER", 0, 2, "Zed")]
    converted = small(tmp_path, "Ann met Bo.", mentions, [relation], **options)
    assert [why for what, why in dropped(converted) if what == "relation"] == ([reason] if reason else [])
    assert len(converted.documents[0].relations) == (reason is None)


def test_clusters_of_one_by_option(tmp_path):
    mentions = [
        ("a", "E1", "PER", 1, 3, "Ann"),
        ("b", "E1", "PER", 9, 10, "Bo"),
        # The same place twice, and a single mention: clusters of one.
        ("c", "E2", "PER", 5, 7, "met"),
        ("d", "E2", "PER", 5, 7, "met"),
        ("e", "E3", "PER", 5, 7, "met"),
    ]
    assert small(tmp_path, "Ann met Bo.", mentions, singletons=False).documents[0].clusters == [[(0, 0), (2, 2)]]
    singletons = small(tmp_path, "Ann met Bo.", mentions).documents[0].clusters
    assert singletons == [[(0, 0), (2, 2)], [(1, 1)], [(1, 1)]]


def test_a_cluster_that_loses_its_mentions_is_noted(tmp_path):
    mentions = [("a", "E1", "PER", 1, 3, "Ann"), ("b", "E1", "PER", 0, 1, "Bo")]
    converted = small(tmp_path, "Ann met Bo.", mentions, singletons=False)
    assert converted.documents[0].clusters == []
    assert converted.dropped[-1] == ("X", "cluster", "fewer than two mentions are left", "E1: PER")


def test_ace_2004(tmp_path):
    entities = apf([("a", "E1", "PER", 1, 3, "Ann"), ("b", "E2", "ORG", 9, 10, "Bo")])
    relations_2004 = "".join(
        f'<relation ID="{label}" TYPE="{label}"><relation_mention ID="{label}-1">'
        '<rel_mention_arg ENTITYMENTIONID="a" ARGNUM="1"/><rel_mention_arg ENTITYMENTIONID="b" ARGNUM="2"/>'
        "</relation_mention></relation>"
        for label in ("EMP-ORG", "DISC", "ORG-AFF")
    )
    content = entities.replace("</document>", f"{relations_2004}</document>").replace("v5.1.1", "v4.0.1")
    converted = AceConverter(AceOptions(version="2004")).convert("X", *write(tmp_path, sgml("Ann met Bo."), content))
    assert relations(converted.documents[0]) == [("Ann", "EMP-ORG", "Bo")]
    assert dropped(converted) == [
        ("relation", "DISC is left out"),
        ("relation", "relation type of no known kind"),
    ]


def test_options_are_checked():
    with pytest.raises(UserError, match="spans: 'head' is none of heads, extents"):
        AceOptions(spans="head")


def test_an_unknown_pipeline_is_named():
    with pytest.raises(UserError, match="spaCy finds no pipeline 'xx_none'"):
        AceConverter(AceOptions(spacy_model="xx_none"))


def test_another_pipeline(tmp_path):
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer", config={"punct_chars": [";"]})
    pipeline.to_disk(tmp_path / "pipeline")
    converted = small(tmp_path, "Ann slept. Bo woke; fine", [], spacy_model=str(tmp_path / "pipeline"))
    assert converted.documents[0].sentences == [["Ann", "slept", ".", "Bo", "woke", ";"], ["fine"]]


def test_an_annotation_without_anything(tmp_path):
    converted = AceConverter().convert("X", *write(tmp_path, sgml("Hm."), source_file("")))
    (document,) = converted.documents
    assert (document.spans, document.relations, document.clusters) == ({"emd": []}, [], [])


def test_a_mention_within_the_last_entity_is_dropped(tmp_path):
    text = "Ann met R&amp;"
    start = sgml(text).replace("<DOC>", "").replace("<BODY><TEXT>", "").index(text)
    for offset in range(start + 9, start + 14):
        converted = small(tmp_path, text, [("m", "E", "ORG", offset, start + 13, text[offset - start :])])
        assert dropped(converted) == [("mention", "no whole number of tokens")] or converted.documents[0].spans["emd"]
