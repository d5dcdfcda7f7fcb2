"""A page for people to read."""

from typing import IO, Iterable, List

from allennlp.common.util import JsonDict

from hmtl.annotation.formats.output_format import OutputFormat
from hmtl.errors import UserError
from hmtl.page import page


@OutputFormat.register("html")
class HtmlFormat(OutputFormat):
    """One HTML file that needs nothing else and shows all texts, which are held in memory until then."""

    def _write_to(self, file: IO[str], outputs: Iterable[JsonDict]) -> None:
        kept: List[JsonDict] = []
        try:
            for output in outputs:
                kept.append(output)
        except UserError:
            if kept:
                file.write(page(kept, self.layers))
            raise
        file.write(page(kept, self.layers))
