"""Small documents of ACE for tests, in the layout of APF 5.1."""

from pathlib import Path
from typing import Dict, Sequence, Tuple
from xml.sax.saxutils import escape

FIXTURE = Path(__file__).resolve().parent / "fixtures" / "ace05"
ENGLISH = FIXTURE / "data" / "English"
SPLITS = FIXTURE / "splits"

# Name, entity, type, first and last character, text.
Mention = Tuple[str, str, str, int, int, str]
# Type and the names of its arguments, as a rule two.
Relation = Tuple[str, ...]


def sgml(text: str) -> str:
    """A document whose text without tags is `text`, with one line break before and behind it."""
    return f"<DOC>\n<BODY><TEXT>{text}</TEXT></BODY>\n</DOC>"


def apf(mentions: Sequence[Mention], relations: Sequence[Relation] = ()) -> str:
    """The annotation. Extents are heads; each relation has one mention."""
    entities: Dict[Tuple[str, str], str] = {}
    for name, entity, label, start, end, text in mentions:
        charseq = f'<charseq START="{start}" END="{end}">{escape(text)}</charseq>'
        body = (
            f'<entity_mention ID="{name}" TYPE="NAM"><extent>{charseq}</extent><head>{charseq}</head></entity_mention>'
        )
        entities[entity, label] = entities.get((entity, label), "") + body
    parts = [f'<entity ID="{name}" TYPE="{label}">{body}</entity>' for (name, label), body in entities.items()]
    for index, (label, *arguments) in enumerate(relations):
        inner = "".join(
            f'<relation_mention_argument REFID="{name}" ROLE="Arg-{number}"/>'
            for number, name in enumerate(arguments, 1)
        )
        parts.append(f'<relation ID="R{index}" TYPE="{label}"><relation_mention ID="R{index}-1">{inner}')
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
