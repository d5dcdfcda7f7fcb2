"""Modules that the heads and the hierarchy share."""

from hmtl.modules.antecedent_products import antecedent_products
from hmtl.modules.conditional_random_field import ConditionalRandomField
from hmtl.modules.document_layout import DocumentLayout
from hmtl.modules.padded_lstm_encoder import PaddedLstmEncoder

__all__ = ["ConditionalRandomField", "DocumentLayout", "PaddedLstmEncoder", "antecedent_products"]
