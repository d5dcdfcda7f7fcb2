"""The standoff format of the annotation tool brat."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.common.files import INCOMPLETE_SUFFIX, say_what_is_kept
from hmtl.corpora.formats.standoff import StandoffLines, TypeNames, file_name, write_files
from hmtl.corpora.preparation.output import whole_directory
from hmtl.errors import UserError


@OutputFormat.register("brat")
class BratFormat(OutputFormat):
    """A folder with a `.txt` and an `.ann` file for each text, and an `annotation.conf` that names all types.

    - `T` lines: the spans of every task, of the type `{task}-{label}`. A mention of a cluster and an argument of a
      relation that no task names is a `Mention`. What goes across a line break is given line by line, as brat asks.
    - `R` lines: relations, of the type `{task}-{label}`, and `Coref`, from each mention of a cluster to the one before.

    Of other kinds of prediction, what concerns one stretch of text is a `T` line, a label of a sentence that of its
    tokens; what concerns two is an `R` line; for the rest there is no place, and a note says how much is left out.
    Characters that brat allows in no type become `_`. Offsets count characters of the text. Scores have no place.
    """

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        self._left_out: Counter[str] = Counter()

    @property
    def notes(self) -> List[str]:
        return super().notes + [
            f"the format has no place for some {self.kinds[task].plural} of '{task}'; left out: {number:,}"
            for task, number in self._left_out.items()
        ]

    def write(self, outputs: Iterable[JsonDict], path: Optional[Path] = None) -> None:
        """Writes a folder, which appears only once it is complete.

        Where the outputs end in an error, those before it stay in a folder of the same name with `INCOMPLETE_SUFFIX`.

        # Raises

        UserError
            Where no folder is named, it exists already, or a file cannot be written.
        """
        if path is None:
            raise UserError("brat has two files for each text; name a new folder for them by --output")
        incomplete = path.with_name(path.name + INCOMPLETE_SUFFIX)
        for taken in (path, incomplete):
            if taken.exists():
                raise UserError(f"{taken}: exists already; name a new folder for brat's files, or remove it")
        types = _type_names()
        with whole_directory(path) as folder:
            try:
                self._write_texts(outputs, folder, path, types)
            except BaseException as error:
                if any(folder.iterdir()):
                    with suppress(UserError):
                        write_files(self._configuration(types), folder, path)
                    os.rename(folder, incomplete)
                    say_what_is_kept(error, incomplete)
                raise
            write_files(self._configuration(types), folder, path)

    def standoff(self, output: JsonDict) -> str:
        """The `.ann` file of one text."""
        return self._annotations(output, _type_names()).content

    def _annotations(self, output: JsonDict, types: TypeNames) -> StandoffLines:
        annotations = StandoffLines(output["text"], types)
        # Relations read the spans of the nearest level: the last one stands for a mention that several tasks name.
        for task in self.tasks:
            annotations.layer = task
            for row in output[task]:
                self.kinds[task].add_to_standoff(row, annotations)
        self._left_out.update(annotations.left_out)
        return annotations

    def _write_texts(self, outputs: Iterable[JsonDict], folder: Path, path: Path, types: TypeNames) -> None:
        """The files of each text, and their types."""
        taken: Set[str] = set()
        for output in outputs:
            name = file_name(output["doc_key"], taken)
            annotations = self._annotations(output, types)
            write_files({f"{name}.txt": output["text"], f"{name}.ann": annotations.content}, folder, path)

    def _configuration(self, types: TypeNames) -> Dict[str, str]:
        """`annotation.conf`, from which `hmtl convert` knows the layer of each type."""
        named = {"spans": None, "relations": "relations", "clusters": "clusters"}
        layers = [named.get(self.layers[task]) or task for task in self.tasks]
        return types.configuration(layers=list(dict.fromkeys(layers)))


def _type_names() -> TypeNames:
    return TypeNames(lambda task, label: f"{task}-{label}")
