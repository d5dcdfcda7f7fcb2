"""Fine-tuning: a model, and a vocabulary, that start from an archive. Importing this package registers them."""

from hmtl.models.finetuning.model import FinetunedHMTL
from hmtl.models.finetuning.transfer import Transfer, parts_of, transfer
from hmtl.models.finetuning.vocabulary import VocabularyWithArchive
