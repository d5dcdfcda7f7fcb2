"""Commands that `hmtl` has beside those of AllenNLP."""

from hmtl.commands.advise import Advise
from hmtl.commands.annotate import Annotate
from hmtl.commands.cache import Cache
from hmtl.commands.configs import Configs
from hmtl.commands.inspect import Inspect
from hmtl.commands.predict import Predict
from hmtl.commands.prepare import Prepare
from hmtl.commands.print_results import PrintResults
from hmtl.commands.probe import Probe
from hmtl.commands.runs import Runs
from hmtl.commands.search import Search
from hmtl.commands.serve import Serve

__all__ = [
    "Advise",
    "Annotate",
    "Cache",
    "Configs",
    "Inspect",
    "Predict",
    "Prepare",
    "PrintResults",
    "Probe",
    "Runs",
    "Search",
    "Serve",
]
