"""The `.speaker` files of the OntoNotes release: who says each sentence."""

from pathlib import Path
from typing import List

from hmtl.corpora.columns import split_cells
from hmtl.corpora.ontonotes_release.lines import file_lines
from hmtl.errors import DataError

UNKNOWN_SPEAKER = "-"

# Start, stop, name, gender, competence; only the name is used.
_NAME = 2


def read_speakers(path: Path, num_trees: int) -> List[str]:
    """The speaker of each tree, `-` where none is known; several names stand with commas between them, as in the file.

    # Raises

    DataError
        Where the file has not one line a tree, a line lacks a name, or it cannot be read.
    """
    speakers: List[str] = []
    for number, line in file_lines(path):
        cells = split_cells(line)
        if not cells:
            continue
        if cells == [UNKNOWN_SPEAKER]:
            speakers.append(UNKNOWN_SPEAKER)
        elif len(cells) <= _NAME:
            raise DataError(f"expected start, stop and name of a speaker, found '{line.strip()}'", path, number)
        else:
            speakers.append(cells[_NAME])
    if len(speakers) != num_trees:
        raise DataError(f"{len(speakers)} speakers for {num_trees} trees; expected one line a tree", path)
    return speakers
