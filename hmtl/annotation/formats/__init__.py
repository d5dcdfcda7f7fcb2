"""How annotated texts are written; importing the package registers every format."""

from hmtl.annotation.formats.output_format import OutputFormat

# isort: split
from hmtl.annotation.formats.brat import BratFormat
from hmtl.annotation.formats.conll2012 import Conll2012Format
from hmtl.annotation.formats.conllu import ConlluFormat
from hmtl.annotation.formats.dygie import DygieFormat
from hmtl.annotation.formats.html import HtmlFormat
from hmtl.annotation.formats.jsonl import JsonlFormat

__all__ = ["BratFormat", "Conll2012Format", "ConlluFormat", "DygieFormat", "HtmlFormat", "JsonlFormat", "OutputFormat"]
