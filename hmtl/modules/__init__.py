"""Modules that the heads and the hierarchy share."""

from hmtl.modules.antecedent_products import antecedent_products
from hmtl.modules.character_encoder import DistinctCharactersEncoder
from hmtl.modules.conditional_random_field import ConditionalRandomField
from hmtl.modules.document_layout import DocumentLayout
from hmtl.modules.dropout import Dropout
from hmtl.modules.elmo_embedder import ElmoEmbedder
from hmtl.modules.padded_lstm_encoder import PaddedLstmEncoder
from hmtl.modules.pooling import Pooling
from hmtl.modules.shared_encoders import CrossStitchEncoder, HardSharingEncoder, SharedEncoder, SluiceEncoder
from hmtl.modules.transformer_embedder import TransformerEmbedder
from hmtl.modules.window_encoder import WindowEncoder

__all__ = [
    "ConditionalRandomField",
    "CrossStitchEncoder",
    "DistinctCharactersEncoder",
    "DocumentLayout",
    "Dropout",
    "ElmoEmbedder",
    "HardSharingEncoder",
    "PaddedLstmEncoder",
    "Pooling",
    "SharedEncoder",
    "SluiceEncoder",
    "TransformerEmbedder",
    "WindowEncoder",
    "antecedent_products",
]
