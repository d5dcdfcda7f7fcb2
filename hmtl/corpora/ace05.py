"""ACE 2005 and 2004, read from the LDC's directory without any preparation."""

import itertools
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Iterator, List, Optional

from hmtl.corpora.ace.converter import AceOptions
from hmtl.corpora.ace.release import SPLITS
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.errors import DataError

logger = logging.getLogger(__name__)

_PATH = re.compile(r"(?P<folder>.*)#(?P<split>[a-z]+)(?:#(?P<start>[0-9]{0,18}):(?P<stop>[0-9]{0,18}))?")


@Corpus.register("ace05")
class Ace05Corpus(Corpus):
    """The documents of a split in a directory of the LDC's: `LDC2006T06#train`, `#dev` or `#test`.

    They are those that `hmtl prepare ace05` writes. A file that cannot be used ends the reading; what documents lose is
    counted and logged.

    # Parameters

    split_dir : `str`, optional (default = `None`)
        A folder with `train.txt`, `dev.txt` and `test.txt`, one document a line; by default the usual split.
    version, spans, zone, across_sentences, directions, metonymy, singletons, spacy_model
        See `AceOptions`.
    """

    def __init__(
        self,
        split_dir: str = None,
        version: str = AceOptions.version,
        spans: str = AceOptions.spans,
        zone: str = AceOptions.zone,
        across_sentences: str = AceOptions.across_sentences,
        directions: str = AceOptions.directions,
        metonymy: bool = AceOptions.metonymy,
        singletons: bool = AceOptions.singletons,
        spacy_model: Optional[str] = AceOptions.spacy_model,
    ) -> None:
        self._split_dir = None if split_dir is None else Path(split_dir)
        self._options = AceOptions(
            version, spans, zone, across_sentences, directions, metonymy, singletons, spacy_model
        )

    def files(self, path: str) -> List[Path]:
        return super().files(path) + ([] if self._split_dir is None else super().files(str(self._split_dir)))

    def attempts(self, path: str) -> Iterator[Attempt]:
        """Yields the documents of a split; as in other corpora, `#train#0:10` are the first ten.

        # Raises

        DataError
            Where the path names no split, or the directory is missing.
        """
        match = _PATH.fullmatch(str(path))
        if not match or match["split"] not in SPLITS:
            splits = ", ".join(f"#{split}" for split in SPLITS)
            raise DataError(f"expected the LDC's directory and a split ({splits}), as in LDC2006T06#train", path)
        if not Path(match["folder"]).is_dir():
            raise DataError("no such directory; check the path in the configuration", match["folder"])
        start, stop = (int(match[name]) if match[name] else None for name in ("start", "stop"))
        count = 0
        for document in itertools.islice(self._split(Path(match["folder"]), match["split"]), start, stop):
            count += 1
            yield document
        if not count:
            raise DataError("no documents; the split has fewer", path)

    def _split(self, folder: Path, split: str) -> Iterator[Attempt]:
        # The sources of `hmtl prepare` import the corpora.
        from hmtl.corpora.preparation.sources.ace_source import Ace05Source

        source = Ace05Source(folder, self._split_dir, self._options)
        losses: Counter = Counter()
        for unit in source.units(split):
            try:
                converted = source.convert(unit)
            except DataError as error:
                yield error
                continue
            losses.update((dropped.what, dropped.reason) for dropped in converted.dropped)
            yield from converted.documents
        for (what, reason), count in sorted(losses.items()):
            logger.info("%s#%s: dropped: %s: %s: %d", folder, split, what, reason, count)
