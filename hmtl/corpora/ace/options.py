"""What a user can choose when ACE documents are converted."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional

from hmtl.errors import UserError

CHOICES = {
    "version": ("2005", "2004"),
    "spans": ("heads", "extents"),
    "zone": ("document", "body", "text"),
    "across_sentences": ("merge", "paragraph", "drop"),
    "directions": ("annotated", "both", "ordered"),
}


@dataclass(frozen=True)
class AceOptions:
    """The defaults are those of the split preparation of Miwa and Bansal (2016), whose counts are the expected ones.

    # Attributes

    version : `str`
        `2005` (LDC2006T06) or `2004` (LDC2005T09).
    spans : `str`
        Whether a mention is its head (`heads`) or its full extent (`extents`).
    zone : `str`
        The text: all that is no tag (`document`: identifier, type, date, headline and body), or what `<BODY>` or
        `<TEXT>` holds (`body`, `text`). The names of speakers and posters are text in all of them: they are mentions.
    across_sentences : `str`
        What becomes of a relation whose arguments lie in two sentences. ACE annotates relations within a sentence, so
        the splitter erred: the sentences become one (`merge`), the same but never across paragraphs (`paragraph`: the
        relation is then dropped), or the relation is dropped (`drop`). Sentences that cut a mention become one always.
    directions : `str`
        Symmetric relations (PER-SOC) as they are annotated (`annotated`), in both directions (`both`), or from the
        earlier mention to the later one (`ordered`).
    metonymy : `bool`
        Whether METONYMY relations, or DISC relations of 2004, are kept.
    singletons : `bool`
        Whether entities with a single mention are clusters, as in the columns that the 2018 release of HMTL read.
    spacy_model : `Optional[str]`
        The spaCy pipeline that splits sentences and tokens; by default rules for English, and the sentencizer.

    # Raises

    UserError
        Where an attribute has none of its values.
    """

    version: str = "2005"
    spans: str = "heads"
    zone: str = "document"
    across_sentences: str = "merge"
    directions: str = "annotated"
    metonymy: bool = False
    singletons: bool = True
    spacy_model: Optional[str] = None

    def __post_init__(self) -> None:
        for name, values in CHOICES.items():
            if getattr(self, name) not in values:
                raise UserError(f"{name}: '{getattr(self, name)}' is none of {', '.join(values)}")

    def as_dict(self) -> Dict[str, Any]:
        """All options as JSON values."""
        return asdict(self)
