"""The ten probing tasks of SentEval, a file each."""

from research.probing_data.tasks.bigram_shift import BigramShift
from research.probing_data.tasks.coordination_inversion import CoordinationInversion
from research.probing_data.tasks.noun_number import ObjectNumber, SubjectNumber
from research.probing_data.tasks.odd_man_out import OddManOut
from research.probing_data.tasks.past_present import PastPresent
from research.probing_data.tasks.sentence_length import SentenceLength
from research.probing_data.tasks.top_constituents import TopConstituents
from research.probing_data.tasks.tree_depth import TreeDepth
from research.probing_data.tasks.word_content import WordContent

# In the order of the paper's tables.
TASKS = (
    SentenceLength,
    WordContent,
    TreeDepth,
    TopConstituents,
    BigramShift,
    PastPresent,
    SubjectNumber,
    ObjectNumber,
    OddManOut,
    CoordinationInversion,
)
