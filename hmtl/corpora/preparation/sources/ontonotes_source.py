"""OntoNotes 5.0, from the LDC's release, from the columns of CoNLL-2012, or from its skeletons and the release."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, Dict, List, Literal, Optional, Tuple

from hmtl.corpora.ontonotes import OntonotesCorpus
from hmtl.corpora.ontonotes_release import ReleaseOptions, fill_in_words, read_release, read_split_lists
from hmtl.corpora.preparation.source import SINGLETONS_HELP, Converted, Dropped, Source, Unit
from hmtl.document import Document
from hmtl.errors import DataError, UserError

MissingLayer = Literal["empty", "absent", "skip"]
SplitRule = Literal["conll2012", "directories"]

SPLITS = ("train", "dev", "test")

# The splits of CoNLL-2012 with the New Testament (Pradhan et al., 2012), and without it, as most work on named entities
# has them (Chiu and Nichols, 2016). The New Testament has no names.
_EXPECTED = {
    "train": {"documents": 2802, "sentences": 75187, "tokens": 1299312, "ner": 81828, "clusters": 35143},
    "dev": {"documents": 343, "sentences": 9603, "tokens": 163104, "ner": 11066, "clusters": 4546},
    "test": {"documents": 348, "sentences": 9479, "tokens": 169579, "ner": 11257, "clusters": 4532},
}
_EXPECTED_WITHOUT_PT = {
    "train": {"sentences": 59924, "tokens": 1088503, "ner": 81828},
    "dev": {"sentences": 8528, "tokens": 147724, "ner": 11066},
    "test": {"sentences": 8262, "tokens": 152728, "ner": 11257},
}

_GENRES = ("bc", "bn", "mz", "nw", "pt", "tc", "wb")
_NEW_TESTAMENT = "pt/"
_RELEASE_FILES = (".parse", ".name", ".coref", ".speaker")
# Where the English annotations are below what a user may name.
_ANNOTATIONS = ("data/files/data/english/annotations", "data/english/annotations", "english/annotations", "annotations")
_OTHER_LANGUAGES = ("arabic", "chinese")
# The test set of the shared task is `conll-2012-test` where a tree has a larger `test` beside it.
_DIRECTORIES = {"train": "train", "development": "dev", "dev": "dev", "conll-2012-test": "test", "test": "test"}


@Source.register("ontonotes")
class OntonotesSource(Source):
    """The English part of OntoNotes 5.0 in the splits of CoNLL-2012, one document a part.

    Documents are those that the corpus `ontonotes` reads from the `*_gold_conll` files, from whatever files they come;
    see `read_release` for the rules.

    # Parameters

    ldc_dir : `Path`, optional (default = `None`)
        The release (`ontonotes-release-5.0`, or a directory in it), with `.parse`, `.name`, `.coref` files.
    conll_dir : `Path`, optional (default = `None`)
        The trees of CoNLL-2012: `*_conll` files, or `*_skel` files, whose words then come from `ldc_dir`. Given
        both directories, the annotation is that of the columns.
    annotation : `str`, optional (default = `"gold"`)
        Of the columns: `gold`, or `auto` for the predicted ones.
    split : `str`, optional (default = `"conll2012"`)
        `conll2012`: the lists of documents. `directories` (columns only): the directory (`train`, `development`,
        `test`) of a file, or where there are no such trees the start of its name, as in `train.english.v4_gold_conll`.
    split_dir : `Path`, optional (default = `None`)
        Other lists: `train.id`, `development.id`, `test.id`.
    new_testament : `bool`, optional (default = `True`)
        Whether the genre `pt` is in, as in CoNLL-2012 and in the 2018 implementation. It has no names annotated.
    missing_layer : `str`, optional (default = `"empty"`)
        What becomes of a document without `.name` or `.coref` file. `empty`: its layer is empty, as in the columns,
        and it can be trained on. `absent`: it has no such layer, and readers that need it refuse it. `skip`: it is left
        out.
    options : `ReleaseOptions`, optional (default = `ReleaseOptions()`)
        How the release is converted; of these only `unescape` matters for columns.

    # Raises

    UserError
        Where the directories are not given, do not hold such files, or do not go with the split.
    """

    def __init__(
        self,
        ldc_dir: Optional[Path] = None,
        conll_dir: Optional[Path] = None,
        annotation: str = "gold",
        split: SplitRule = "conll2012",
        split_dir: Optional[Path] = None,
        new_testament: bool = True,
        missing_layer: MissingLayer = "empty",
        options: Optional[ReleaseOptions] = None,
    ) -> None:
        if ldc_dir is None and conll_dir is None:
            raise UserError("name the release (--ldc-dir), the columns of CoNLL-2012 (--conll-dir), or both")
        if split == "directories" and (conll_dir is None or split_dir is not None):
            raise UserError("--split directories needs --conll-dir, and no --split-dir")
        self._annotations = None if ldc_dir is None else _annotations_below(Path(ldc_dir))
        self._conll_dir = None if conll_dir is None else Path(conll_dir)
        self._annotation = annotation
        self._split = split
        self._split_dir = split_dir
        self._new_testament = new_testament
        self._missing_layer = missing_layer
        self._options = options or ReleaseOptions()
        is_usual = split_dir is None and missing_layer != "skip" and annotation == "gold"
        if is_usual and self._options == ReleaseOptions(unescape=self._options.unescape):
            self.expected = _EXPECTED if new_testament else _EXPECTED_WITHOUT_PT

    @classmethod
    def add_arguments(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--ldc-dir", type=Path, help="ontonotes-release-5.0, or its data/files/data")
        parser.add_argument(
            "--conll-dir", type=Path, help="CoNLL-2012's *_conll files, or its *_skel files (with --ldc-dir)"
        )
        parser.add_argument("--annotation", choices=("gold", "auto"), default="gold", help="of the columns")
        parser.add_argument(
            "--split",
            choices=("conll2012", "directories"),
            default="conll2012",
            help="the shared task's lists of documents, or the directories of --conll-dir",
        )
        parser.add_argument("--split-dir", type=Path, help="other lists: train.id, development.id, test.id")
        parser.add_argument("--pt", choices=("in", "out"), default="in", help="the New Testament")
        parser.add_argument(
            "--missing-layer",
            choices=("empty", "absent", "skip"),
            default="empty",
            help="a document without .name or .coref gets an empty layer, none, or is left out",
        )
        parser.add_argument("--keep-disfluencies", action="store_true", help="keep EDITED phrases")
        parser.add_argument("--keep-appositions", action="store_true", help="make clusters of APPOS chains too")
        parser.add_argument(
            "--keep-single-mentions", action="store_true", help=f"keep clusters of one mention. {SINGLETONS_HELP}"
        )
        parser.add_argument("--unescape", action="store_true", help="read '/.' as '.'")

    @classmethod
    def from_arguments(cls, arguments: Namespace) -> "OntonotesSource":
        return cls(
            arguments.ldc_dir,
            arguments.conll_dir,
            arguments.annotation,
            arguments.split,
            arguments.split_dir,
            arguments.pt == "in",
            arguments.missing_layer,
            ReleaseOptions(
                arguments.keep_disfluencies,
                arguments.keep_appositions,
                arguments.keep_single_mentions,
                arguments.unescape,
            ),
        )

    def splits(self) -> Dict[str, List[Unit]]:
        units = self._split_by_directories() if self._split == "directories" else self._split_by_lists()
        if not self._new_testament:
            units = {split: [u for u in of_split if not _is_new_testament(u)] for split, of_split in units.items()}
        if self._missing_layer == "skip":
            units = {split: [u for u in of_split if not _lacks_layer(u)] for split, of_split in units.items()}
        for split, of_split in units.items():
            if not of_split:
                raise UserError(f"no document is in the split '{split}'; see the options --split and --split-dir")
        return units

    def convert(self, unit: Unit) -> Converted:
        if self._conll_dir is None:
            stem = unit.paths[0].with_suffix("")
            documents, losses = read_release(stem, unit.key, self._options)
            converted = Converted(documents, [Dropped(*loss) for loss in losses])
        else:
            converted = self._read_columns(unit)
        if self._missing_layer == "empty":
            for document in converted.documents:
                document.spans.setdefault("ner", [])
                document.clusters = document.clusters or []
        return converted

    def settings(self) -> Dict[str, Any]:
        """Besides the options, for the release: how many documents of each split have no names or no coreference."""
        settings: Dict[str, Any] = {
            "files": "release" if self._conll_dir is None else f"{self._annotation} columns",
            "split": self._split if self._split_dir is None else str(self._split_dir),
            "new_testament": self._new_testament,
            "missing_layer": self._missing_layer,
            **vars(self._options),
            "tokeniser": "OntoNotes' own tokens",
        }
        if self._conll_dir is None:
            for name, position in (("documents_without_names", 1), ("documents_without_coreference", 2)):
                settings[name] = {
                    split: sum(not unit.paths[position].exists() for unit in units)
                    for split, units in self.splits().items()
                }
        return settings

    def _split_by_lists(self) -> Dict[str, List[Unit]]:
        lists = read_split_lists(self._split_dir)
        if self._conll_dir is None:
            return {split: [self._release_unit(name) for name in names] for split, names in lists.items()}
        files = {_document_id(file): file for file in self._column_files()}
        files.pop("", None)
        if not files:
            raise UserError(
                f"{self._conll_dir}: the lists of documents need one file a document, such as "
                f"annotations/bn/cnn/00/cnn_0001.v4_{self._annotation}_conll; or use --split directories"
            )
        # A file that is missing is an error of its document.
        missing = self._conll_dir / "annotations"
        return {
            split: [
                self._column_unit(name, files.get(name, missing / f"{name}.{self._annotation}_conll")) for name in names
            ]
            for split, names in lists.items()
        }

    def _split_by_directories(self) -> Dict[str, List[Unit]]:
        units: Dict[str, List[Unit]] = {split: [] for split in SPLITS}
        files = self._column_files()
        trees = [file for file in files if _document_id(file)]
        ignored = "test" if any("conll-2012-test" in self._folders(file) for file in trees) else None
        for file in trees or files:
            folders = [folder for folder in self._folders(file) if folder != ignored]
            candidates = folders if trees else [*folders, file.name.partition(".")[0]]
            split = next((_DIRECTORIES[name] for name in reversed(candidates) if name in _DIRECTORIES), None)
            if split is not None:
                units[split].append(self._column_unit(_document_id(file) or file.name, file))
        return units

    def _folders(self, file: Path) -> Tuple[str, ...]:
        assert self._conll_dir is not None
        return file.relative_to(self._conll_dir).parts[:-1]

    def _column_files(self) -> List[Path]:
        """The files with words, else the skeletons, sorted; of a document with both, the file with words alone."""
        assert self._conll_dir is not None
        found: List[Path] = []
        for kind in ("conll", "skel"):
            known = {_document_id(file) for file in found}
            files = sorted(path for path in self._conll_dir.rglob(f"*{self._annotation}_{kind}") if path.is_file())
            files = [file for file in files if not _is_of_other_language(file)]
            found += [file for file in files if not found or _document_id(file) not in known]
        if not found:
            pattern = f"*{self._annotation}_conll' or '*{self._annotation}_skel"
            raise UserError(f"{self._conll_dir}: no file named '{pattern}' anywhere below this directory")
        if self._annotations is None and all(_is_skeleton(file) for file in found):
            raise UserError(f"{self._conll_dir}: only skeletons, without words; name the release too (--ldc-dir)")
        return found

    def _release_unit(self, document_id: str) -> Unit:
        assert self._annotations is not None
        return Unit(document_id, tuple(self._annotations / f"{document_id}{kind}" for kind in _RELEASE_FILES))

    def _column_unit(self, document_id: str, file: Path) -> Unit:
        if _is_skeleton(file) and self._annotations is not None:
            return Unit(document_id, (file, self._annotations / f"{document_id}.parse"))
        return Unit(document_id, (file,))

    def _read_columns(self, unit: Unit) -> Converted:
        file = unit.paths[0]
        corpus = OntonotesCorpus([] if self._new_testament else [f"/{_NEW_TESTAMENT}"], self._options.unescape)
        if not _is_skeleton(file):
            return Converted.of(unit, corpus.attempts(str(file)))
        if len(unit.paths) == 1:
            raise DataError("a skeleton, without words; name the release too (--ldc-dir)", file)
        documents: List[Document] = []
        # Valid once they have words: all are needed, as the trees of the release are counted.
        for found in corpus.parse(file):
            if isinstance(found, DataError):
                raise found
            documents.append(found)
        return Converted(list(fill_in_words(documents, file, unit.paths[1], self._options.unescape)))


def _annotations_below(ldc_dir: Path) -> Path:
    for folder in (*(ldc_dir / below for below in _ANNOTATIONS), ldc_dir):
        if any((folder / genre).is_dir() for genre in _GENRES):
            return folder
    raise UserError(f"{ldc_dir}: expected OntoNotes' release, with {_ANNOTATIONS[0]}/bc, bn, ...")


def _document_id(file: Path) -> str:
    """Such as `bn/cnn/00/cnn_0001`; empty for a file that is not below a directory `annotations`."""
    below = file.as_posix().rpartition("/annotations/")[2]
    return below.partition(".")[0] if below != file.as_posix() else ""


def _is_of_other_language(file: Path) -> bool:
    # The identifiers of documents repeat over the languages.
    return any(language in file.parts for language in _OTHER_LANGUAGES)


def _is_skeleton(file: Path) -> bool:
    return file.name.endswith("_skel")


def _is_new_testament(unit: Unit) -> bool:
    return unit.key.startswith(_NEW_TESTAMENT)


def _lacks_layer(unit: Unit) -> bool:
    """Whether the files of the release lack names or coreference; the columns always have both."""
    return len(unit.paths) == len(_RELEASE_FILES) and not all(path.exists() for path in unit.paths[1:3])
