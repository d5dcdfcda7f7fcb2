"""A vocabulary that keeps the words of an archive."""

from pathlib import Path
from typing import Any, Dict, Iterable, List

from allennlp.data import Instance, Vocabulary

from hmtl.common.allennlp_internals import oov_token, padding_token
from hmtl.common.archives import extracted_archive
from hmtl.common.file_names import VOCABULARY_NAME
from hmtl.common.model_names import find_model
from hmtl.errors import UserError


@Vocabulary.register("with_archive", constructor="from_instances_and_archive")
class VocabularyWithArchive(Vocabulary):
    """The vocabulary of new data, and behind it the words and characters of an archive that these lack.

    A fine-tuned model then knows them in later texts as well. Labels are those of the new data alone.
    """

    @classmethod
    def from_instances_and_archive(
        cls,
        instances: Iterable[Instance],
        archive_file: str,
        min_count: Dict[str, int] = None,
        tokens_to_add: Dict[str, List[str]] = None,
        **kwargs: Any,
    ) -> Vocabulary:
        """Builds the vocabulary from the instances, which the data give, and the archive.

        # Parameters

        instances : `Iterable[Instance]`
        archive_file : `str`
            A `model.tar.gz`, the directory of a run, or the name of a model (see `find_model`).
        min_count, tokens_to_add, **kwargs
            As those of AllenNLP's `Vocabulary.from_instances`, for the new data.

        # Raises

        UserError
            Where there is no archive.
        """
        added = {namespace: list(tokens) for namespace, tokens in (tokens_to_add or {}).items()}
        for namespace, tokens in _words_of(archive_file).items():
            added[namespace] = [*added.get(namespace, []), *tokens]
        return Vocabulary.from_instances(instances, min_count=min_count, tokens_to_add=added, **kwargs)


def _words_of(archive_file: str) -> Dict[str, List[str]]:
    """The entries of each namespace that has one for unknown entries, which a namespace of labels has not."""
    path = find_model(archive_file)
    if path.is_dir():
        return _words_in(path)
    with extracted_archive(path) as directory:
        return _words_in(Path(directory))


def _words_in(directory: Path) -> Dict[str, List[str]]:
    if not (directory / VOCABULARY_NAME).is_dir():
        raise UserError(f"{directory}: no vocabulary, so this is not the serialization directory of a run")
    vocab = Vocabulary.from_files(directory / VOCABULARY_NAME)
    special = (padding_token(vocab), oov_token(vocab))
    return {
        namespace: [token for token in vocab.get_token_to_index_vocabulary(namespace) if token not in special]
        for namespace in vocab.get_namespaces()
        if vocab.is_padded(namespace)
    }
