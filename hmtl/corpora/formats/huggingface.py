"""Rows of tokens and tags, as data sets of the Hugging Face Hub have them: JSON, JSON lines, Arrow, Parquet."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from hmtl.alignment import Annotations, Changes
from hmtl.common.checks import shown
from hmtl.corpora.corpus import Attempt, Corpus
from hmtl.corpora.formats.records import of_type, read_records
from hmtl.corpora.formats.sample import Sample, shown_keys
from hmtl.corpora.formats.tags import scheme_of, spans_by_scheme
from hmtl.corpora.formats.text_corpus import ToolCorpus, label_of
from hmtl.errors import DataError

_TOKENS = ("tokens", "words", "token")
# Those of named entities, the likeliest first.
_NER = ("ner_tags", "ner", "tags", "labels", "fine_ner_tags")
_KEYS = ("doc_key", "id", "guid", "doc_id")
TABLES = (".parquet", ".arrow")


@Corpus.register("huggingface")
class HuggingFaceCorpus(ToolCorpus):
    """Rows with `tokens` and lists of as many tags, each row a document of one sentence.

    `ner_tags` (or `ner`, `tags`, `labels`) become the layer `ner`; other tags, such as `pos_tags` and `chunk_tags`,
    layers of the same name without `_tags`, spans where the tags have prefixes, and else one label a token. Files are
    JSON lines, a JSON list, Parquet, or the folder of `Dataset.save_to_disk`.

    # Parameters

    labels : `List[str]`, optional (default = `None`)
        The names of numbered tags of entities, in their order. By default they are looked for in the Parquet or Arrow
        file, and in a `dataset_info.json` or `README.md` beside the file or one folder above. Other layers of numbers
        without names are left out, and counted.
    """

    title = "rows of tokens and tags (Hugging Face)"

    def __init__(self, labels: List[str] = None, **options: Any) -> None:
        super().__init__(**options)
        self._labels = labels

    @classmethod
    def fits(cls, sample: Sample) -> bool:
        if sample.is_folder:
            return any(sample.suffixes[suffix] for suffix in TABLES)
        if sample.suffix in TABLES or sample.head[:4] == b"PAR1":
            return True
        return bool(_tag_keys(sample.keys))

    def read(self, path: Path, changes: Changes) -> Iterator[Attempt]:
        suffixes = (*TABLES, ".jsonl", ".json")
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in suffixes)
        described = ("dataset_info.json", "state.json", "dataset_dict.json")
        for file in files:
            if file.name in described:
                continue
            names = names_beside(file)
            if file.suffix in TABLES or file.read_bytes()[:4] == b"PAR1":
                found, rows = read_table(file)
                names = {**names, **found}
            else:
                rows = list(read_rows(file))
            schemes = _schemes([row for _, _, row in rows if isinstance(row, dict)])
            for number, line, row in rows:
                try:
                    yield from self._row(f"{file.stem}_{number}", row, names, schemes, changes, file, line)
                except DataError as error:
                    message = error.message if line else f"row {number}: {error.message}"
                    yield DataError(message, file, line)

    def _row(
        self,
        default: str,
        value: Any,
        names: Dict[str, List[str]],
        schemes: Dict[str, str],
        changes: Changes,
        path: Path,
        line: Optional[int],
    ) -> Iterator[Attempt]:
        row = of_type(value, dict, "the row", path)
        key = next((str(row[name]) for name in _KEYS if isinstance(row.get(name), (str, int))), default)
        tokens_key = next((name for name in _TOKENS if isinstance(row.get(name), list)), None)
        if tokens_key is None:
            raise DataError(f"expected the keys 'tokens' and 'ner_tags', found {shown_keys(list(row))}")
        tokens = row[tokens_key]
        layers: Dict[str, List[Tuple[int, int, str]]] = {}
        for name in _tag_keys(row) or [each for each in _NER if each in row]:
            tags = of_type(row[name], list, f"'{name}'", path)
            if len(tags) != len(tokens):
                raise DataError(f"'{name}' has {len(tags)} tags for {len(tokens)} tokens")
            layer = "ner" if name in _NER else name.removesuffix("_tags")
            known = self._labels if name in _NER and self._labels is not None else names.get(name)
            if tags and not isinstance(tags[0], str):
                if known is None and layer != "ner":
                    changes.drop("layer", f"the numbers of '{name}' have no names", key)
                    continue
                tags = _named(tags, known, name)
            scheme = schemes.get(name) or scheme_of(known or tags)
            layers.setdefault(
                layer,
                [
                    (start, end, label_of(label, f"'{name}'", path))
                    for start, end, label in spans_by_scheme(tags, scheme)
                ],
            )
        if "ner" not in layers and not layers:
            raise DataError(f"expected tags in 'ner_tags' beside '{tokens_key}', found {shown_keys(list(row))}")
        yield from self._from_tokens(key, [tokens], Annotations(layers), changes, path, line)


def _tag_keys(row: Dict[str, Any]) -> List[str]:
    """The keys of tags, those of entities first."""
    tokens = next((row[name] for name in _TOKENS if isinstance(row.get(name), list)), None)
    if not tokens or not all(isinstance(token, str) for token in tokens):
        return []
    found = [
        name
        for name, value in row.items()
        if (name in _NER or name.endswith("_tags"))
        and isinstance(value, list)
        and all(type(tag) in (int, str) for tag in value)
    ]
    return sorted(found, key=lambda name: _NER.index(name) if name in _NER else len(_NER))


def _named(tags: Sequence[Any], names: Optional[List[str]], key: str) -> List[str]:
    if names is None:
        raise DataError(
            f"'{key}' are numbers without names: give them in order (--labels O,B-PER,I-PER,...), or put the "
            "dataset_info.json or README.md of the data set beside the file"
        )
    for tag in tags:
        if type(tag) is not int or not 0 <= tag < len(names):
            raise DataError(f"'{key}' holds {shown(tag)}, and there are {len(names)} names, for 0 to {len(names) - 1}")
    return [names[tag] for tag in tags]


def _schemes(rows: Sequence[Dict[str, Any]]) -> Dict[str, str]:
    """The scheme of each key of tags in words, by all rows together: one row may not show it."""
    found: Dict[str, Dict[str, None]] = {}
    for row in rows:
        for name in _tag_keys(row):
            if all(isinstance(tag, str) for tag in row[name]):
                found.setdefault(name, {}).update(dict.fromkeys(row[name]))
    return {name: scheme_of(list(tags)) for name, tags in found.items() if tags}


def read_rows(path: Path) -> Iterator[Tuple[int, Optional[int], Any]]:
    for number, line, value in read_records(path, "one object a line, or one list of objects"):
        # As the data set viewer gives them.
        if line is None and isinstance(value, dict) and isinstance(value.get("rows"), list):
            for inner, each in enumerate(value["rows"], start=1):
                yield inner, None, each.get("row", each) if isinstance(each, dict) else each
        else:
            yield number, line, value


def read_table(path: Path) -> Tuple[Dict[str, List[str]], List[Tuple[int, Optional[int], Any]]]:
    """The names of tags and the rows of a Parquet or an Arrow file."""
    import pyarrow
    from pyarrow import parquet

    try:
        if path.suffix == ".arrow":
            with pyarrow.memory_map(str(path)) as source:
                try:
                    table = pyarrow.ipc.open_stream(source).read_all()
                except pyarrow.ArrowInvalid:
                    table = pyarrow.ipc.open_file(source).read_all()
        else:
            table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"cannot be read as a table ({str(error).splitlines()[0]})", path) from error
    metadata = (table.schema.metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(metadata).get("info", {}).get("features", {})
    return _names_of_features(features), [(n, None, row) for n, row in enumerate(table.to_pylist(), start=1)]


def schema_of(path: Path) -> List[str]:
    """The names of the columns of a Parquet or an Arrow file; none where it is no such file."""
    import pyarrow
    from pyarrow import parquet

    try:
        if path.suffix != ".arrow":
            return parquet.read_schema(path).names
        with pyarrow.memory_map(str(path)) as source:
            return pyarrow.ipc.open_stream(source).schema.names
    except (pyarrow.ArrowException, OSError):
        return []


def names_beside(path: Path) -> Dict[str, List[str]]:
    """The names of numbered tags by their key, from what describes the data set."""
    for folder in (path.parent, path.parent.parent):
        info = folder / "dataset_info.json"
        if info.is_file():
            try:
                found = json.loads(info.read_text(encoding="utf-8"))
            except ValueError as error:
                raise DataError(f"not valid JSON ({error})", info) from error
            if isinstance(found, dict):
                # Of one configuration, or of several by their names.
                described = [found, *(each for each in found.values() if isinstance(each, dict))]
                for each in described:
                    names = _names_of_features(each.get("features") or {})
                    if names:
                        return names
        card = folder / "README.md"
        if card.is_file():
            names = _names_of_card(card.read_text(encoding="utf-8", errors="replace"))
            if names:
                return names
    return {}


def _names_of_features(features: Any) -> Dict[str, List[str]]:
    """The names in the description of columns, whatever lists stand around them."""
    found: Dict[str, List[str]] = {}
    for key, value in features.items() if isinstance(features, dict) else ():
        while isinstance(value, (dict, list)):
            if isinstance(value, list):
                value = value[0] if value else None
            elif isinstance(value.get("names"), list):
                found[key] = [str(name) for name in value["names"]]
                break
            else:
                value = value.get("feature", value.get("sequence"))
    return found


def _names_of_card(card: str) -> Dict[str, List[str]]:
    """The names of classes in the head of a data set's README, which is YAML."""
    import yaml

    head = re.match(r"---\n(.*?)\n---", card, re.DOTALL)
    try:
        described = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return {}
    info = described.get("dataset_info") if isinstance(described, dict) else None
    for each in info if isinstance(info, list) else [info]:
        features = each.get("features") if isinstance(each, dict) else None
        found: Dict[str, List[str]] = {}
        for feature in features or []:
            names = (_class_label(feature) or {}).get("names") if isinstance(feature, dict) else None
            if isinstance(names, dict):
                names = [names[number] for number in sorted(names, key=int)]
            if isinstance(names, list):
                found[str(feature.get("name"))] = [str(name) for name in names]
        if found:
            return found
    return {}


def _class_label(feature: Any) -> Optional[Dict[str, Any]]:
    while isinstance(feature, dict):
        for key in ("class_label", "sequence", "list", "dtype"):
            if key in feature:
                break
        else:
            return None
        if key == "class_label":
            return feature[key]
        feature = feature[key]
    return None
