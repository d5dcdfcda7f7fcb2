"""The project's own output: one JSON object a text."""

import json

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat


@OutputFormat.register("jsonl")
class JsonlFormat(OutputFormat):
    """One JSON object a line in the layout of `HMTLPredictor`, with a head mention in each cluster (`mark_heads`)."""

    def text(self, output: JsonDict) -> str:
        return json.dumps(output, ensure_ascii=False) + "\n"
