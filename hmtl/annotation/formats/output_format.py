"""What a format of annotated texts has to provide."""

import sys
from pathlib import Path
from typing import IO, Dict, Iterable, Iterator, List, Optional, cast

from allennlp.common import Registrable
from allennlp.common.util import JsonDict

from hmtl.common.characters import visible_lines
from hmtl.common.files import record_file
from hmtl.errors import UserError
from hmtl.predictors.head_mentions import name_task
from hmtl.tasks.kind import Kind, kinds_of


class OutputFormat(Registrable):
    """Writes annotated texts. A format in which they follow one another is one method, `text`.

    # Parameters

    layers : `Dict[str, str]`
        The tasks to write, and what each predicts, as `HMTLPredictor.annotated_layers` has them.
    names : `str`, optional (default = `None`)
        The span task that finds names, for formats that have room for one; see `name_task`.

    # Raises

    UserError
        Where there is no such span task, or the format cannot hold these layers.
    """

    default_implementation = "jsonl"
    registered_by = "hmtl.annotation"

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        self.layers = layers
        self.kinds = kinds_of(layers)
        self.names = name_task(layers, names)
        self._num_without_tokens = 0

    @property
    def notes(self) -> List[str]:
        """What the user is to know of what was written; a sentence each."""
        return [*self._notes_of_texts(), *self._notes_of_layers()]

    def write(self, outputs: Iterable[JsonDict], path: Optional[Path] = None) -> None:
        """Writes outputs of `annotate` as they come: to a file, which appears only once it is complete, or to stdout.

        Where the outputs end in an error, those before it stay in a file of another name; see `record_file`.

        # Raises

        UserError
            Where the file cannot be written.
        """
        if path is None:
            # Programs get the text as it is, people what acts on no terminal.
            self._write_to(cast(IO[str], _Terminal()) if sys.stdout.isatty() else sys.stdout, outputs)
            return
        with record_file(path) as file:
            self._write_to(cast(IO[str], file), outputs)

    def text(self, output: JsonDict) -> str:
        """One annotated text, as it stands in the file; nothing where it has no place there."""
        raise NotImplementedError

    def _write_to(self, file: IO[str], outputs: Iterable[JsonDict]) -> None:
        for output in outputs:
            file.write(self.text(output))
            file.flush()

    def _has_tokens(self, output: JsonDict) -> bool:
        """Whether a text can stand in a format that has no place for one without tokens; counts those that cannot."""
        self._num_without_tokens += not output["sentences"]
        return bool(output["sentences"])

    def holds(self, kind: Kind) -> bool:
        """Whether the format has a place for a layer of this kind."""
        return True

    @property
    def tasks(self) -> List[str]:
        """Kind after kind, those that others may refer to first, and each from the lowest level up."""
        return sorted(self.kinds, key=lambda task: self.kinds[task].order)

    def _only_task(self, kinds: Iterable[Kind]) -> Optional[str]:
        """The task of one of these kinds, in a format that has room for one.

        # Raises

        UserError
            Where there are several.
        """
        names = {kind.name for kind in kinds}
        tasks = [task for task in self.kinds if self.layers[task] in names]
        if len(tasks) > 1:
            plural = self.kinds[tasks[0]].plural
            raise UserError(f"the format holds one layer of {plural}; choose one of '{', '.join(tasks)}' by --tasks")
        return tasks[0] if tasks else None

    def _notes_of_texts(self) -> Iterator[str]:
        if self._num_without_tokens:
            yield f"texts without a token have no place in the format; left out: {self._num_without_tokens:,}"

    def _notes_of_layers(self) -> Iterator[str]:
        names = {name for name in OutputFormat.list_available() if OutputFormat.by_name(name) is type(self)}
        for task, kind in self.kinds.items():
            if not self.holds(kind) and names.isdisjoint(kind.left_out_by):
                yield f"the format has no place for {kind.plural}; left out: '{task}'"


class _Terminal:
    """Standard output, on which nothing of a text acts."""

    def write(self, text: str) -> None:
        sys.stdout.write(visible_lines(text))

    def flush(self) -> None:
        sys.stdout.flush()
