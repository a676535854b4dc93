# SPDX-License-Identifier: GPL-3.0-or-later
"""What blocks say in messages, kept to the last."""

import functools
from collections import defaultdict

import pmt
from gnuradio.sr2cnn.base import message_block


class message_log(message_block):
    """Keeps the messages that reach each port: ``log["labels"]``; the vector of one is its "vector"."""

    def __init__(self, *ports):
        message_block.__init__(self, "message log")
        self._messages = defaultdict(list)
        for port in ports:
            keep = functools.partial(self._keep, port)
            keep.__name__ = f"keep_{port}"  # by which GNU Radio looks it up
            setattr(self, keep.__name__, keep)
            self.message_port_register_in(pmt.intern(port))
            self.set_msg_handler(pmt.intern(port), keep)

    def __getitem__(self, port):
        return self._messages[port]

    def _keep(self, port, message):
        if not pmt.is_dict(message) and pmt.is_pair(message):
            message = {**pmt.to_python(pmt.car(message)), "vector": pmt.to_python(pmt.cdr(message))}
        else:
            message = pmt.to_python(message)
        self._messages[port].append(message)
