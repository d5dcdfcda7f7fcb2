from hmtl.models.heads.coref import CorefHead
from hmtl.models.heads.crf import CrfHead
from hmtl.models.heads.relation import RelationHead
from hmtl.models.heads.task_head import TaskHead
from hmtl.models.heads.token_classification import TokenClassificationHead
