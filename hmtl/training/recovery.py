"""What an interrupted run is rebuilt from, beside its checkpoint."""

import os
from pathlib import Path
from typing import Union

from allennlp.common import Params
from allennlp.data import Vocabulary


@Vocabulary.register("of_run", constructor="from_files")
class RunVocabulary(Vocabulary):
    """A vocabulary read back from the directory of its run, which it does not write again.

    A kill would else leave half of it to the next recovery.
    """

    def save_to_files(self, directory: str) -> None:
        pass


def read_back_vocabulary(params: Params, serialization_dir: Union[str, os.PathLike]) -> None:
    """Makes a configuration take the vocabulary from its run rather than build it from the data.

    Does nothing where the run has no checkpoint: only the first one proves that the vocabulary was written to its end.
    """
    directory = Path(serialization_dir)
    if not any(directory.glob("checkpoint_e*_b*.json")):
        return
    built: Params = params.pop("vocabulary", {})
    tokens = {key: built.get(key) for key in ("padding_token", "oov_token") if built.get(key) is not None}
    params["vocabulary"] = {"type": "of_run", "directory": str(directory / "vocabulary"), **tokens}
