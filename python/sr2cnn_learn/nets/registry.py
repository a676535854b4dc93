# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks by the name that a card has for them."""

NETWORKS = {}


def network(name):
    """Class decorator: makes a network known by a name, as `build` and a model's card have it.

    A network is a torch module with ``forward`` (F): float32 (N, frame_len, 2) → (N, dim), normalisation
    included, and ``classify`` (C): (N, dim) → logits (N, K). Where it has them, ``reconstruct`` (D) is stored,
    too, and training asks ``training_outputs`` for all that the objectives need from one pass (a dict with
    ``z`` and ``logits``), in place of these two. ``embedding_dim`` is the dimension of that ``z``. Arguments are
    ``n_classes``, ``frame_len`` and those that the recipe names.
    """

    def register(cls):
        if NETWORKS.setdefault(name, cls) is not cls:
            raise ValueError(f"there is a network {name!r} already")
        cls.network_name = name
        return cls

    return register


def build(name, arguments):
    """An untrained network.

    Args:
        name: as it was registered
        arguments: dict of its constructor's arguments

    Raises:
        ValueError: there is no such network, or an argument is wrong
    """
    if name not in NETWORKS:
        raise ValueError(f"network is {name!r}, expected one of {', '.join(sorted(NETWORKS))}")
    try:
        return NETWORKS[name](**arguments)
    except TypeError as error:
        raise ValueError(f"network {name!r}: {error}") from None
