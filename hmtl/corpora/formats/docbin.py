"""spaCy's DocBin files."""

from collections import defaultdict
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, Tuple

from hmtl.alignment import Annotations, Bounds, Changes, LabelledBounds
from hmtl.corpora.corpus import Attempt, Corpus, files_below
from hmtl.corpora.formats.sample import Sample
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import DataError

_SUFFIX = ".spacy"
# Groups of spans that hold the mentions of a cluster each, as spaCy's experimental coreference has them.
_CLUSTER_GROUPS = "coref_clusters_"


@Corpus.register("spacy")
class DocbinCorpus(ToolCorpus):
    """Files of `DocBin.to_disk`: entities are the layer `ner`, each group of spans a layer of its name, and the groups
    `coref_clusters_1`, `coref_clusters_2` and so on clusters. The tokens are spaCy's; the text is kept.

    Where a document has no sentences, it is split by `splitter`, by default at punctuation.
    """

    title = "spaCy's DocBin"

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder:
            return bool(sample.suffixes[_SUFFIX])
        return sample.suffix == _SUFFIX

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        import spacy
        from spacy.tokens import DocBin

        # With the language's name for its vocabulary alone: no rule of it is used.
        vocab = spacy.blank("xx").vocab
        for file in files_below(path, f"*{_SUFFIX}"):
            try:
                docs = list(DocBin().from_disk(file).get_docs(vocab))
            except Exception as error:
                # What stands in a broken file raises errors of zlib, of msgpack and of numpy.
                yield DataError(f"cannot be read as spaCy's DocBin ({type(error).__name__}: {error})", file)
                continue
            groups = [name for doc in docs for name in doc.spans if not name.startswith(_CLUSTER_GROUPS)]
            has_clusters = any(name.startswith(_CLUSTER_GROUPS) for doc in docs for name in doc.spans)
            for number, doc in enumerate(docs, start=1):
                key = str(doc.user_data.get("id") or doc.user_data.get("doc_key") or f"{file.stem}_{number}")
                layers = ["ner", *dict.fromkeys(groups)]
                yield from self._document(key, doc, layers, has_clusters, changes, file)

    def _document(
        self, key: str, doc: Any, layers: List[str], has_clusters: bool, changes: Changes, path: Path
    ) -> Iterator[Attempt]:
        sentences, kept = self._sentences(doc)
        place = {token.i: number for number, token in enumerate(kept)}
        spans: Dict[str, List[LabelledBounds]] = {layer: [] for layer in layers}
        clusters: DefaultDict[str, List[Bounds]] = defaultdict(list)

        def bounds(span: Any) -> List[int]:
            return [place[token.i] for token in span if token.i in place]

        try:
            groups = {"ner": doc.ents, **{name: doc.spans[name] for name in doc.spans}}
            for name, group in groups.items():
                for span in group:
                    found = bounds(span)
                    if not found:
                        changes.drop("span", "it covers nothing but white space", f"{key}: {span.label_}")
                    elif name.startswith(_CLUSTER_GROUPS):
                        clusters[name].append((found[0], found[-1]))
                    else:
                        label = label_of(span.label_, f"'{name}': the span {span.text[:60]!r}", path)
                        spans[name].append((found[0], found[-1], label))
        except DataError as error:
            yield DataError(f"document '{key}': {error.message}", path)
            return
        offsets = [[token.idx, token.idx + len(token)] for token in kept]
        annotations = Annotations(spans, None, sorted(map(sorted, clusters.values())) if has_clusters else None)
        metadata = {"text": doc.text, "token_offsets": offsets}
        yield from self._from_tokens(key, sentences, annotations, changes, path, None, metadata)

    def _sentences(self, doc: Any) -> Tuple[List[List[str]], List[Any]]:
        """The tokens of each sentence, and all of them, without white space."""
        if doc.has_annotation("SENT_START"):
            found = [[token for token in sentence if not token.is_space] for sentence in doc.sents]
        else:
            starts = set()
            if len(doc):
                split = self._split(doc.text)
                starts = {split.token_offsets[first][0] for first in split.sentence_starts} if len(split) else set()
            found = [[]]
            for token in doc:
                if any(token.idx <= start < token.idx + len(token) for start in starts):
                    found.append([])
                if not token.is_space:
                    found[-1].append(token)
        found = [sentence for sentence in found if sentence]
        return [[token.text for token in sentence] for sentence in found], [t for sentence in found for t in sentence]
