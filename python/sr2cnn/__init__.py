# SPDX-License-Identifier: GPL-3.0-or-later
"""Open-world modulation recognition: known classes by name, unknown ones discovered (SR2CNN).

Importing this does not import torch; making an encoder or a recognizer does.
"""

from gnuradio import gr as _gr  # registers the types that the blocks derive from

from .class_registry import class_registry
from .conditioner import conditioner
from .discriminator import discriminator_from_bundle
from .encoder import encoder
from .event_sink import event_sink
from .label_display import label_display  # imports Qt when one is made
from .labelling import label_recording
from .messages import connect_events
from .radioml_source import radioml_source
from .recognizer import recognizer
from .recording_source import recording_source
from .scorer import scorer
from .spectrum import spectrum

# Last: the import of the module .discriminator bound its name, which the C++ block shall have.
from .sr2cnn_python import *
from .wideband_recognizer import wideband_recognizer
