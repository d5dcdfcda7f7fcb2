from pathlib import Path

import pytest

from hmtl.corpora.conllu import DependencySentence, MultiwordToken, Token, read_conllu
from hmtl.errors import DataError

GOOD = "1\ta\ta\tX\tXX\t_\t0\troot\t_\t_\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "x.conllu"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_comments_and_lines(tmp_path):
    text = (
        "# meta::title = A = B\n# newpar\n"
        '1\tIt\tit\tPRON\tPRP\tCase=Nom|Number=Sing\t2\tnsubj:pass\t_\tEntity=(1-x)|Odd|XML=<ref to="y">\n'
        "2\tfell\tfall\tVERB\tVBD\t_\t0\troot\t_\t_\n\n\n# text = a\n" + GOOD
    )
    first, second = read_conllu(write(tmp_path, text))
    features, misc = {"Case": "Nom", "Number": "Sing"}, {"Entity": "(1-x)", "Odd": "", "XML": '<ref to="y">'}
    assert first.tokens == (
        Token("It", "it", "PRON", "PRP", features, 1, "nsubj:pass", misc, 3),
        Token("fell", "fall", "VERB", "VBD", {}, -1, "root", {}, 4),
    )
    assert first.tokens[0].universal_relation == "nsubj"
    assert first.comments == {"meta::title": "A = B"}
    # The last one ends with the file.
    assert second == DependencySentence((Token("a", "a", "X", "XX", {}, -1, "root", {}, 8),), {"text": "a"})
    assert (first.line, second.line) == (3, 8)


def test_multiword_tokens_and_empty_nodes_are_no_words(tmp_path):
    empty = "\t_" * 8 + "\n"
    (sentence,) = read_conllu(write(tmp_path, f"1-2\tab{empty}{GOOD}1.1\tnone{empty}{GOOD.replace('1', '2', 1)}"))
    assert [token.form for token in sentence.tokens] == ["a", "a"]
    assert sentence.multiword_tokens == (MultiwordToken(0, 1, "ab"),)
    assert [node.num_before for node in sentence.empty_nodes] == [1]
    assert sentence.line == 2


@pytest.mark.parametrize(
    "text, message",
    [
        ("1\ta\n", ":1: expected 10 columns separated by tabs, found 2"),
        (GOOD.replace("1", "2", 1), ":1: expected token 1 with the number of its head, found '2' and '0'"),
        (GOOD.replace("\t0\t", "\t_\t"), ":1: expected token 1 with the number of its head, found '1' and '_'"),
        (GOOD.replace("\t_", "\tNumber", 1), ":1: expected features such as"),
        ("# nothing\n", "no sentences found"),
        ("2-3" + "\t_" * 9 + "\n" + GOOD, ":1: expected a multiword token that begins at word 1, found '2-3'"),
        ("1-2" + "\t_" * 9 + "\n" + GOOD, ":2: '_' stands for the words 1 to 2 of 1"),
    ],
)
def test_malformed_conllu(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_conllu(write(tmp_path, text))
