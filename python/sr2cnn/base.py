# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Python blocks of this module derive from, in place of GNU Radio's classes of these names.

A flowgraph of GNU Radio holds the C++ side of a Python block only: where nobody else holds the Python
object, the interpreter crashes when the block is called. Blocks of these classes live as long as a flowgraph
that they are connected in.
"""

from gnuradio import gr

from .sr2cnn_python import held, message_gateway, msg_connect_inside


class _Block:
    def to_basic_block(self):
        """This block as `connect` and `msg_connect` are to hold it."""
        return held(self.gateway, self)

    def set_min_output_buffer(self, *port_and_items):
        """Least room of an output, or of all outputs, in items."""
        *ports, items = port_and_items
        # By port: GNU Radio logs each call for all of them.
        for port in ports or range(self.output_signature().max_streams()):
            self.gateway.set_min_output_buffer(port, items)

    def set_msg_handler(self, port, handler):
        """``handler``, a method of this block, takes the messages of a port."""
        # GNU Radio's own keeps the bound method, and the block would keep itself.
        self.gateway.set_msg_handler_pybind(port, handler.__name__)


class basic_block(_Block, gr.basic_block):
    """A block of streams at any rate."""


class sync_block(_Block, gr.sync_block):
    """A block of as many items out as in."""


class message_block(_Block, gr.basic_block):
    """A block of message ports alone, to which no message is lost: when ``run`` returns, all are handled.

    GNU Radio ends such a block with the first block that sends it messages. What is sent to this one after
    that is handled where it is sent. Its handlers never run at once with each other.

    Args:
        name: of the block
    """

    def __init__(self, name):
        self.gateway = message_gateway(self, name)

    def flush(self):
        """Called when all that has come is handled: at the end, and again for a sender that ends later."""


class hier_block2(gr.hier_block2):
    """A block made of blocks."""

    def primitive_msg_connect(self, *ends):
        """What `msg_connect` calls. GNU Radio's own would let a block with message ports own itself."""
        msg_connect_inside(self._impl, *ends)
