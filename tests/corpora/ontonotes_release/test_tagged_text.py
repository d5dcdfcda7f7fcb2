import pytest

from hmtl.corpora.ontonotes_release.tagged_text import read_tagged_sentences, same_tokens
from hmtl.errors import DataError

TAGS = ("COREF", "ENAMEX")


def read(path, *lines, head="<DOC DOCNO='x'>", foot="</DOC>"):
    path.write_text("\n".join([head, *lines, foot]) + "\n", encoding="utf-8")
    return list(read_tagged_sentences(path, TAGS))


def spans(path, line):
    [sentence] = read(path, line)
    return sentence.tokens, [(span.start, span.end, span.attributes.get("ID")) for span in sentence.spans]


@pytest.mark.parametrize(
    "line, tokens, expected",
    [
        ("plain words only .", "plain words only .", []),
        ('<COREF ID="1" TYPE="IDENT">a b</COREF> c', "a b c", [(0, 1, "1")]),
        ('<COREF ID="1"><COREF ID="2">a</COREF> b</COREF>', "a b", [(0, 0, "2"), (0, 1, "1")]),
        ('<COREF ID="1">a <COREF ID="1">b</COREF></COREF>', "a b", [(1, 1, "1"), (0, 1, "1")]),
        ('a <COREF ID="1"> b </COREF> c', "a b c", [(1, 1, "1")]),
        ('pre-<COREF ID="1">b</COREF> c', "pre-b c", [(0, 0, "1")]),
        ('<COREF ID="1">b</COREF>-post c', "b-post c", [(0, 0, "1")]),
        ('a <COREF ID="1">b</COREF>-and-<COREF ID="2">c d</COREF>', "a b-and-c d", [(1, 1, "1"), (1, 2, "2")]),
        ("a <TURN> < <http://x.y> -LAB-b c>", "a <TURN> < <http://x.y> -LAB-b c>", []),
        ('a <COREF ID="1"></COREF> b', "a b", [(1, 0, "1")]),
    ],
)
def test_tokens_and_spans_of_a_line(line, tokens, expected, tmp_path):
    assert spans(tmp_path / "a", line) == (tokens.split(" "), expected)


def test_attributes_lines_and_parts(tmp_path):
    sentences = read(
        tmp_path / "a",
        '<TEXT PARTNO="000">',
        '<COREF ID="1" TYPE="IDENT" SPEAKER="a b" E_OFF="2">x</COREF>',
        "",
        "y",
        "</TEXT>",
        '<TEXT PARTNO="001">z',
        "</TEXT>",
    )
    assert sentences[0].spans[0].attributes == {"ID": "1", "TYPE": "IDENT", "SPEAKER": "a b", "E_OFF": "2"}
    assert [(s.line, s.part, s.tokens) for s in sentences] == [(3, "000", ["x"]), (5, "000", ["y"]), (7, "001", ["z"])]


@pytest.mark.parametrize(
    "lines, line, message",
    [
        (['<COREF ID="1" TYPE="IDENT">a', "b</COREF>"], 2, '\'<COREF ID="1" TYPE="IDENT">\' is not closed'),
        (["a</COREF>"], 2, "'</COREF>' closes nothing"),
        (['<COREF ID="1">a</ENAMEX>'], 2, "'</ENAMEX>' closes nothing"),
        (["a", '<NAME TYPE="X">b</NAME>'], 3, "unknown tag '<NAME TYPE=\"X\">'; expected COREF or ENAMEX"),
        (['<COREF ID="1" 2="x">a</COREF>'], 2, "malformed tag"),
        (["</TEXT>"], 2, "'</TEXT>' closes nothing"),
        (["<DOC DOCNO='y'>", "a"], 2, "'<DOC>' within '<DOC>'"),
        (["a", "</DOC>", "b"], 4, "text outside of '<DOC>'"),
    ],
)
def test_a_malformed_line_is_refused_with_its_number(lines, line, message, tmp_path):
    with pytest.raises(DataError) as error:
        read(tmp_path / "a", *lines)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'a'}:{line}: ")


@pytest.mark.parametrize("text", ["<DOC DOCNO='x'>\na b\n", '<DOC>\n<TEXT PARTNO="000">\na\n', ""])
def test_a_truncated_file_is_refused(text, tmp_path):
    file = tmp_path / "a"
    file.write_text(text)
    with pytest.raises(DataError, match="ends before '</DOC>'; is it truncated?"):
        list(read_tagged_sentences(file, TAGS))


@pytest.mark.parametrize(
    "tokens, words, expected",
    [
        ("a -AMP- -LAB-b-RAB- [TURN]", "a & <b> <TURN>", True),
        ("AT&amp;T ( . ? - {", "AT&T -LRB- /. /? /- -LCB-", True),
        ("a b", "a b c", False),
        ("x", "y", True),  # an escape that is not known
        ("x b", "y b", True),
        ("x y c", "a b c", False),
    ],
)
def test_tokens_may_differ_in_their_escapes_but_not_in_the_text(tokens, words, expected):
    assert same_tokens(tokens.split(), words.split()) is expected
