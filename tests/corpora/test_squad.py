import copy
import json
import logging
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from hmtl.corpora import SquadCorpus
from hmtl.document import Document
from hmtl.errors import DataError

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "squad"
CONTEXT = "Ole Lind lived in Bergen.  He baked half-baked bread."


def read(path: Any) -> List[Document]:
    return list(SquadCorpus().documents(str(path)))


def record(*answers: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    question = {"id": "q", "question": "Where?", "answers": list(answers), **more}
    return {"data": [{"title": "Ole", "paragraphs": [{"context": CONTEXT, "qas": [question]}]}]}


def write(folder: Path, content: Any) -> Path:
    path = folder / "squad.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def answer(text: str, start: int) -> Dict[str, Any]:
    return {"text": text, "answer_start": start}


def test_each_paragraph_is_a_document_with_its_questions() -> None:
    documents = read(FIXTURES / "train.json")
    assert [document.doc_key for document in documents] == ["Lind#0", "Lind#1", "Alna#0"]
    first = documents[0]
    assert [sentence[-1] for sentence in first.sentences] == [".", "."]
    assert first.metadata["text"].startswith("Mara Lind was born in Oslo in 1961. ")
    assert [(row["id"], row["question"]) for row in first.metadata["questions"]] == [
        ("l1", "Where was Mara Lind born?"),
        ("l2", "When was Mara Lind born?"),
        ("l3", "Who is Mara's husband?"),
        ("l4", "Where was Tom Lind born?"),
    ]
    assert first.metadata["questions"][1]["answers"] == [
        {"text": "1961", "start": 7, "end": 7},
        {"text": "in 1961", "start": 6, "end": 7},
    ]
    # What only seems to answer is no answer.
    assert first.metadata["questions"][3]["answers"] == []


def test_the_tokens_of_every_answer_are_its_text() -> None:
    for path in sorted(FIXTURES.glob("*.json")):
        for document in read(path):
            text = document.text
            assert text.text == document.metadata["text"]
            for row in (row for question in document.metadata["questions"] for row in question["answers"]):
                assert text.mention(row["start"], row["end"])["text"] == row["text"]


def test_an_answer_within_a_token_is_extended_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path, record(answer("Berge", CONTEXT.index("Berge")), answer("  ", CONTEXT.index("  "))))
    with caplog.at_level(logging.INFO):
        [document] = read(path)
    assert document.metadata["questions"][0]["answers"] == [
        {"text": "Berge", "start": 4, "end": 4},
        {"text": "  ", "start": None, "end": None},
    ]
    assert document.tokens[4] == "Bergen"
    assert "1 span: extended to whole tokens (first: Ole#0, q: 'Berge' of 'Bergen')" in caplog.text
    assert "1 answer: without tokens, it covers nothing but white space" in caplog.text


def test_titles_that_come_again_get_numbers(tmp_path: Path) -> None:
    content = record(is_impossible=True)
    content["data"].append(copy.deepcopy(content["data"][0]))
    content["data"][1]["paragraphs"][0]["qas"] = []
    assert [document.doc_key for document in read(write(tmp_path, content))] == ["Ole#0", "Ole#0 (2)"]


def _without_context(content: Dict[str, Any]) -> None:
    del content["data"][0]["paragraphs"][0]["context"]


def _of_blanks(content: Dict[str, Any]) -> None:
    content["data"][0]["paragraphs"][0]["context"] = " "


def _without_paragraphs(content: Dict[str, Any]) -> None:
    content["data"][0]["paragraphs"] = {}


def _twice(content: Dict[str, Any]) -> None:
    questions = content["data"][0]["paragraphs"][0]["qas"]
    questions.append(questions[0])


def _nothing(content: Dict[str, Any]) -> None:
    pass


@pytest.mark.parametrize(
    "content,spoil,message",
    [
        (record(answer("Bergen", 17)), _nothing, "does not lie at its answer_start 17, where ' Berge' stands"),
        (record(answer("Bergen", -35)), _nothing, "does not lie at its answer_start -35, where '' stands"),
        (record(answer("", 3)), _nothing, "does not lie at its answer_start 3"),
        (record(answer("Bergen", True)), _nothing, "answer_start is true; expected a number of characters"),  # type: ignore[arg-type]
        (record(), _nothing, "question 'q' has no answer, and is_impossible is not true; give it answers"),
        (record(answer("Ole", 0), is_impossible=True), _nothing, "has answers, and is_impossible is true"),
        (record(answer("Ole", 0), question=" "), _nothing, "question 'q' is empty; remove it"),
        (record(answer("Ole", 0), id=7), _nothing, "the 'id' of a question is 7; expected a text in quotes"),
        (record(answer("Ole", 0)), _twice, "the id 'q' comes twice"),
        (record(answer("Ole", 0)), _without_context, "'paragraphs' with 'context' and 'qas' .KeyError: 'context'."),
        (record(answer("Ole", 0)), _of_blanks, "its 'context' has no word"),
        (record(answer("Ole", 0)), _without_paragraphs, "article 0 .from 0. has no list of 'paragraphs'"),
        ([], _nothing, "found no list under 'data'; expected SQuAD's JSON"),
    ],
)
def test_what_is_wrong_with_a_file(
    tmp_path: Path, content: Any, spoil: Callable[[Dict[str, Any]], None], message: str
) -> None:
    content = copy.deepcopy(content)
    spoil(content)
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)


def test_a_folder_is_no_file_of_squad(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a JSON file, found a directory"):
        read(tmp_path)
