"""Gradient aggregators: importing this package registers them."""

from hmtl.training.gradient_aggregators.from_torchjd import (
    IMTLG,
    MGDA,
    AlignedMTL,
    CAGrad,
    DualProj,
    PCGrad,
    TorchJDAggregator,
    UPGrad,
)
from hmtl.training.gradient_aggregators.gradient_aggregator import GradientAggregator
from hmtl.training.gradient_aggregators.nash_mtl import NashMTL
from hmtl.training.gradient_aggregators.sum import SumAggregator
