from hmtl.models.finetuning import FinetunedHMTL
from hmtl.models.heads import CorefHead, CrfHead, RelationHead, TaskHead
from hmtl.models.hmtl import HMTL, Level
