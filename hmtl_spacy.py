"""Tells spaCy of the component `hmtl`.

spaCy imports this module, by its entry point, for every pipeline that is made where hmtl is installed. Hence it stands
outside of the package and imports nothing: torch and AllenNLP are imported where the component is used.
"""

from typing import Any, Optional

from spacy.language import Language


@Language.factory(
    "hmtl",
    assigns=["doc.ents", "doc.spans", "doc._.relations", "doc._.clusters"],
    default_config={
        "model": None,
        "ents": "ner",
        "mentions": "emd",
        "relations": "relation",
        "clusters": "coref",
        "save_model": False,
        "cuda_device": -1,
        "overwrite_ents": False,
        "spans_key": "mentions",
        "relations_attr": "relations",
        "clusters_attr": "clusters",
    },
)
def make_hmtl(
    nlp: Language,
    name: str,
    model: Optional[str],
    ents: Optional[str],
    mentions: Optional[str],
    relations: Optional[str],
    clusters: Optional[str],
    save_model: bool,
    cuda_device: int,
    overwrite_ents: bool,
    spans_key: str,
    relations_attr: str,
    clusters_attr: str,
) -> Any:
    """The component, whose options are those of `hmtl.spacy_component.HMTLComponent`."""
    from hmtl.spacy_component import HMTLComponent

    return HMTLComponent(
        name,
        model,
        ents,
        mentions,
        relations,
        clusters,
        save_model,
        cuda_device,
        overwrite_ents,
        spans_key,
        relations_attr,
        clusters_attr,
    )
