"""The ten probing tasks of SentEval, a file each."""

from hmtl.analysis.probing.make_data.tasks.bigram_shift import BigramShift
from hmtl.analysis.probing.make_data.tasks.coordination_inversion import CoordinationInversion
from hmtl.analysis.probing.make_data.tasks.noun_number import ObjectNumber, SubjectNumber
from hmtl.analysis.probing.make_data.tasks.odd_man_out import OddManOut
from hmtl.analysis.probing.make_data.tasks.past_present import PastPresent
from hmtl.analysis.probing.make_data.tasks.sentence_length import SentenceLength
from hmtl.analysis.probing.make_data.tasks.top_constituents import TopConstituents
from hmtl.analysis.probing.make_data.tasks.tree_depth import TreeDepth
from hmtl.analysis.probing.make_data.tasks.word_content import WordContent

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
