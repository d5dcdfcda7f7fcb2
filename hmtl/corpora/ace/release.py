"""Where the files of the documents lie in a directory as the LDC ships it, and which documents a split has."""

from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional

from hmtl.common.lines import read_lines
from hmtl.errors import DataError, UserError

SPLITS = ("train", "dev", "test")
_USUAL_SPLIT = Path(__file__).with_name("splits")
# Below the folder of a language: in 2005, `bc/timex2norm`; in 2004, `bnews`.
_PATTERNS = {"2005": "*/timex2norm", "2004": "*"}


class AceFiles(NamedTuple):
    """The two files of a document."""

    sgml: Path
    apf: Path


class AceRelease:
    """The English documents of ACE in a directory of the LDC's: LDC2006T06 itself, its `data/English`, or between.

    # Parameters

    directory : `Path`
        The directory.
    version : `str`, optional (default = `"2005"`)
        `2005` or `2004`.

    # Raises

    UserError
        Where the directory holds no English documents of ACE.
    """

    def __init__(self, directory: Path, version: str = "2005") -> None:
        self.directory = Path(directory)
        self.version = version
        self.english = self._find_english()
        self._folders: Dict[str, Path] = {}
        for folder in self._folders_of(self.english):
            for file in sorted(folder.iterdir()):
                for suffix in (".sgm", ".apf.xml"):
                    if file.name.endswith(suffix):
                        self._folders.setdefault(file.name[: -len(suffix)], folder)

    def files(self, document: str) -> AceFiles:
        """Where the files of a document lie, or would lie."""
        folder = self._folders.get(document, self.english / _PATTERNS[self.version])
        return AceFiles(folder / f"{document}.sgm", folder / f"{document}.apf.xml")

    def metadata(self, document: str) -> Dict[str, str]:
        """The source of a document: `genre` (such as `bc`), and `source`, its text file below the directory."""
        sgml = self.files(document).sgml
        return {
            "genre": sgml.relative_to(self.english).parts[0],
            "source": sgml.relative_to(self.directory).as_posix(),
        }

    def _find_english(self) -> Path:
        for folder in self._candidates():
            if any(self._folders_of(folder)):
                return folder
        expected = f"'data/English/{_PATTERNS[self.version]}/*.sgm' below it"
        raise UserError(f"{self.directory}: no English documents of ACE {self.version}; expected {expected}")

    def _candidates(self) -> Iterator[Path]:
        yield self.directory
        for pattern in ("[Ee]nglish", "*/[Ee]nglish", "*/*/[Ee]nglish"):
            yield from sorted(self.directory.glob(pattern))

    def _folders_of(self, english: Path) -> Iterator[Path]:
        """The folders of documents below that of a language."""
        for folder in sorted(english.glob(_PATTERNS[self.version])):
            if folder.is_dir() and (any(folder.glob("*.sgm")) or any(folder.glob("*.apf.xml"))):
                yield folder


def read_split(split: str, directory: Optional[Path] = None) -> List[str]:
    """The documents of a split (`train`, `dev` or `test`) in the order of its list.

    # Parameters

    split : `str`
        The name of the split.
    directory : `Path`, optional (default = `None`)
        A folder with `train.txt`, `dev.txt` and `test.txt`, one document a line. By default the usual split of
        ACE 2005, 351, 80 and 80 documents of broadcasts, newswire and weblogs.

    # Raises

    DataError
        Where the list is missing, empty, or names a document twice.
    """
    path = (directory or _USUAL_SPLIT) / f"{split}.txt"
    if not path.is_file():
        raise DataError("no such file; a folder of splits holds train.txt, dev.txt and test.txt", path)
    documents: Dict[str, int] = {}
    for number, line in read_lines(path):
        name = line.strip()
        if name in documents:
            raise DataError(f"'{name}' stands on line {documents[name]} already", path, number)
        if name:
            documents[name] = number
    if not documents:
        raise DataError("it names no document; expected one a line", path)
    return list(documents)
