from hmtl.data.fields.labelled_indices_field import LabelledIndicesField
from hmtl.data.fields.words_field import WordsField
