"""Small documents of ACE for tests, in the layout of APF 5.1."""

from pathlib import Path
from typing import Dict, Iterable, Sequence, Tuple
from xml.sax.saxutils import escape

FIXTURE = Path(__file__).resolve().parent / "fixtures" / "ace05"
ENGLISH = FIXTURE / "data" / "English"
SPLITS = FIXTURE / "splits"

# Name, entity, type, first and last character, text.
Mention = Tuple[str, str, str, int, int, str]
# Type and the names of its arguments.
Relation = Tuple[str, str, str]


def sgml(text: str) -> str:
    """A document whose text without tags is `text`, with one line break before and behind it."""
    return f"<DOC>\n<BODY><TEXT>{text}</TEXT></BODY>\n</DOC>"


def apf(
    mentions: Sequence[Mention], relations: Sequence[Relation] = (), roles: Tuple[str, str] = ("Arg-1", "Arg-2")
) -> str:
    """The annotation. Extents are heads; each relation has one mention."""
    entities: Dict[Tuple[str, str], str] = {}
    for name, entity, label, start, end, text in mentions:
        charseq = f'<charseq START="{start}" END="{end}">{escape(text)}</charseq>'
        body = (
            f'<entity_mention ID="{name}" TYPE="NAM"><extent>{charseq}</extent><head>{charseq}</head></entity_mention>'
        )
        entities[entity, label] = entities.get((entity, label), "") + body
    parts = [f'<entity ID="{name}" TYPE="{label}">{body}</entity>' for (name, label), body in entities.items()]
    for number, (label, *arguments) in enumerate(relations):
        inner = "".join(
            f'<relation_mention_argument REFID="{name}" ROLE="{role}"/>' for name, role in zip(arguments, roles)
        )
        parts.append(f'<relation ID="R{number}" TYPE="{label}"><relation_mention ID="R{number}-1">{inner}')
        parts.append("</relation_mention></relation>")
    return source_file("".join(parts))


def source_file(inner: str) -> str:
    """The frame of an annotation file."""
    head = '<?xml version="1.0"?>\n<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">\n'
    return f'{head}<source_file URI="X.sgm"><document DOCID="X">{inner}</document></source_file>\n'


def write(folder: Path, text: str, annotation: str, name: str = "X") -> Tuple[Path, Path]:
    """Writes both files of a document and returns their paths."""
    paths = folder / f"{name}.sgm", folder / f"{name}.apf.xml"
    for path, content in zip(paths, (text, annotation)):
        path.write_bytes(content.encode("utf-8"))
    return paths


def release(folder: Path, documents: Iterable[str], genre: str = "nw") -> Path:
    """A directory of the LDC's with copies of one small document, and its lists: all of them in each split's place."""
    names = list(documents)
    place = folder / "data" / "English" / genre / "timex2norm"
    place.mkdir(parents=True)
    for name in names:
        write(place, sgml("Ann met Bo."), apf([("a", "E1", "PER", 1, 3, "Ann"), ("b", "E2", "PER", 9, 10, "Bo")]), name)
    splits = folder / "splits"
    splits.mkdir()
    for split, name in zip(("train", "dev", "test"), names):
        (splits / f"{split}.txt").write_text(f"{name}\n")
    return folder
