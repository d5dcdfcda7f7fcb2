from hmtl.models.finetuning import FinetunedHMTL
from hmtl.models.hmtl import HMTL, Level
from hmtl.tasks import CorefHead, CrfHead, RelationHead, TaskHead
