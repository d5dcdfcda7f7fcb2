"""SQuAD's JSON: questions about paragraphs, which a span of the paragraph answers, or nothing in it does."""

import logging
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

from hmtl.alignment import Changes, Policies, to_tokens
from hmtl.common.checks import shown, surrogate_fault
from hmtl.common.json_text import parse_json
from hmtl.corpora.corpus import Attempt, Corpus, attempted
from hmtl.document import Document
from hmtl.errors import DataError
from hmtl.text import TokenizedText, shared_splitter

logger = logging.getLogger(__name__)

# The key of a document's metadata that has its questions.
QUESTIONS_KEY = "questions"
_EXPECTED = "expected SQuAD's JSON: an object whose 'data' have 'paragraphs' with 'context' and 'qas'"
# Bounds of answers are never a reason to change the tokens: a text that is asked has none.
_SNAPPED = Policies(boundaries="snap")


@Corpus.register("squad")
class SquadCorpus(Corpus):
    """A file of SQuAD, version 1.1 or 2.0 (Rajpurkar et al. 2016; Rajpurkar, Jia and Liang 2018), or of its layout.

    Each paragraph is a `Document`, split into sentences and tokens as any raw text. Its key is the title of its article
    and its number there, `Normans#0`. Its metadata have `text` and `token_offsets`, and as `questions` a list of
    `{"id", "question", "answers"}`, where an answer is `{"text", "start", "end"}`: the text as SQuAD has it, and its
    first and last token. A question without answers has none in the paragraph (`is_impossible`); `plausible_answers`
    are left out.

    An answer that begins or ends within a token is extended to whole tokens, and one without a token (white space
    alone) has bounds of `null`: both are counted and logged, and their texts stay, so that scores compare with others'.

    # Raises

    DataError
        Where an answer is not what stands at its `answer_start`, a question has no answer though it is not said to be
        impossible, or an `id` comes twice.
    """

    def parse(self, path: Path) -> Iterator[Attempt]:
        if not path.is_file():
            raise DataError("expected a JSON file, found a directory; name one of its files", path)
        content = parse_json(path.read_bytes(), "SQuAD's JSON", path)
        articles = content.get("data") if isinstance(content, dict) else None
        if not isinstance(articles, list):
            raise DataError(f"found no list under 'data'; {_EXPECTED}", path)
        changes, ids, keys = Changes(), set[str](), set[str]()
        for number, article in enumerate(articles):
            if not isinstance(article, dict) or not isinstance(article.get("paragraphs"), list):
                raise DataError(f"article {number} (from 0) has no list of 'paragraphs'; {_EXPECTED}", path)
            title = article.get("title", f"article {number}")
            if not isinstance(title, str):
                raise DataError(f"article {number} (from 0): 'title' is {shown(title)}; expected a text", path)
            for place, paragraph in enumerate(article["paragraphs"]):
                key = _unique(f"{title}#{place}", keys)
                yield attempted(partial(_paragraph, paragraph, key, path, ids, changes))
        for line in changes.lines():
            logger.info("%s: %s", path, line)


def _paragraph(paragraph: Any, key: str, path: Path, ids: Set[str], changes: Changes) -> Document:
    try:
        return _document(paragraph, key, ids, changes).validate()
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"paragraph '{key}': {_EXPECTED} ({type(error).__name__}: {error})", path) from error
    except DataError as error:
        raise DataError(f"paragraph '{key}': {error}", path) from error


def _document(paragraph: Dict[str, Any], key: str, ids: Set[str], changes: Changes) -> Document:
    context = _text(paragraph["context"], "'context'")
    text = shared_splitter()(context)
    if not text.sentences:
        raise DataError("its 'context' has no word; remove it")
    questions = [_question(record, text, key, ids, changes) for record in paragraph["qas"]]
    metadata = {"text": context, "token_offsets": [list(each) for each in text.token_offsets], QUESTIONS_KEY: questions}
    return Document(key, text.sentences, metadata=metadata)


def _question(record: Dict[str, Any], text: TokenizedText, key: str, ids: Set[str], changes: Changes) -> Dict[str, Any]:
    name, question = _text(record["id"], "the 'id' of a question"), _text(record["question"], "a 'question'")
    if name in ids:
        raise DataError(f"the id '{name}' comes twice; give each question an id of its own")
    ids.add(name)
    if not question.strip():
        raise DataError(f"question '{name}' is empty; remove it")
    answers, is_impossible = record.get("answers", []), record.get("is_impossible", False)
    if bool(answers) == bool(is_impossible):
        found = "has answers, and is_impossible is true" if answers else "has no answer, and is_impossible is not true"
        raise DataError(f"question '{name}' {found}; give it answers, or set is_impossible, as in SQuAD 2.0")
    bounds = {}
    for answer in answers:
        words, start = _text(answer["text"], "the 'text' of an answer"), answer["answer_start"]
        if type(start) is not int:
            raise DataError(f"question '{name}': answer_start is {shown(start)}; expected a number of characters")
        there = text.text[start : start + len(words)] if start >= 0 else ""
        if there != words or not words:
            raise DataError(
                f"question '{name}': the answer {words!r} does not lie at its answer_start {start}, where {there!r} "
                "stands; correct answer_start, which counts the characters of 'context' from 0"
            )
        bounds[words, start] = (start, start + len(words))
    _, places = to_tokens(text, bounds.values(), _SNAPPED, changes, f"{key}, {name}")
    rows: List[Dict[str, Any]] = []
    for (words, _), place in ((each, places[span]) for each, span in bounds.items()):
        if isinstance(place, str):
            changes.change("answer", f"without tokens, {place}", f"{key}, {name}")
        start, end = (None, None) if isinstance(place, str) else place
        rows.append({"text": words, "start": start, "end": end})
    return {"id": name, "question": question, "answers": rows}


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{what} is {shown(value)}; expected a text in quotes")
    fault = surrogate_fault(value)
    if fault:
        raise DataError(f"{what}: {fault}")
    return value


def _unique(key: str, keys: Set[str]) -> str:
    """Titles may come again."""
    found, count = key, 1
    while found in keys:
        count += 1
        found = f"{key} ({count})"
    keys.add(found)
    return found
