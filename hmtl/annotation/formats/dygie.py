"""The DyGIE/SciERC layout, in which the project's corpora come."""

import json
from typing import Dict, Optional

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.document import Document, Relation, Span
from hmtl.tasks.task_head import Layer


@OutputFormat.register("dygie")
class DygieFormat(OutputFormat):
    """One `Document` a line: tokens and layers, which `corpus: 'jsonl'` reads. Characters, scores and texts without a
    token have no place."""

    def __init__(self, layers: Dict[str, Layer], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        self._relations = self._only_task("relations")
        self._clusters = self._only_task("clusters")

    def text(self, output: JsonDict) -> str:
        if not self._has_tokens(output):
            return ""
        document = Document(output["doc_key"], output["sentences"])
        for task in self.tasks("spans"):
            document.spans[task] = [Span(row["start"], row["end"], row["label"]) for row in output[task]]
        if self._relations is not None:
            document.relations = [
                Relation(
                    (row["arg1"]["start"], row["arg1"]["end"]), (row["arg2"]["start"], row["arg2"]["end"]), row["label"]
                )
                for row in output[self._relations]
            ]
        if self._clusters is not None:
            document.clusters = [[(row["start"], row["end"]) for row in cluster] for cluster in output[self._clusters]]
        return json.dumps(document.validate().to_json(), ensure_ascii=False) + "\n"
