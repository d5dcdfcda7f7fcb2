"""The DyGIE/SciERC layout, in which the project's corpora come."""

import json
from typing import Dict, Optional

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.document import Document


@OutputFormat.register("dygie")
class DygieFormat(OutputFormat):
    """One `Document` a line: tokens and layers, which `corpus: 'jsonl'` reads. Characters, scores and texts without a
    token have no place. What is no layer of documents stands there as metadata, as it is in the predictor's output."""

    def __init__(self, layers: Dict[str, str], names: Optional[str] = None) -> None:
        super().__init__(layers, names)
        for task in self.tasks:
            if self.kinds[task].one_layer:
                self._only_task([self.kinds[task]])

    def text(self, output: JsonDict) -> str:
        if not self._has_tokens(output):
            return ""
        document = Document(output["doc_key"], output["sentences"])
        for task, kind in self.kinds.items():
            kind.add_to_document(document, task, output[task])
        return json.dumps(document.validate().to_json(), ensure_ascii=False) + "\n"
