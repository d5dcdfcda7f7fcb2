"""Ways of sharing one encoder between tasks, beside the hierarchy of levels."""

from hmtl.modules.shared_encoders.cross_stitch import CrossStitchEncoder
from hmtl.modules.shared_encoders.hard import HardSharingEncoder
from hmtl.modules.shared_encoders.shared_encoder import SharedEncoder
from hmtl.modules.shared_encoders.sluice import SluiceEncoder

__all__ = ["CrossStitchEncoder", "HardSharingEncoder", "SharedEncoder", "SluiceEncoder"]
