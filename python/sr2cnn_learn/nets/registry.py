# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks by the name that a card has for them."""

import torch

from ..plugins import add

NETWORKS = {}


def network(name):
    """Class decorator: makes a network known by a name, as `build` and a model's card have it.

    A network is a torch module with ``forward`` (F): float32 (N, frame_len, 2) → (N, dim), normalisation
    included, and ``classify`` (C): (N, dim) → logits (N, K). Where it has them, ``reconstruct`` (D) is stored,
    too, and training asks ``training_outputs`` for all that the objectives need from one pass (a dict with
    ``z`` and ``logits``), in place of these two. ``embedding_dim`` is the dimension of that ``z``. Arguments are
    ``n_classes``, ``frame_len`` and those that the recipe names: numbers, text, lists of them, or another
    network, ``{"name", "arguments"}``. They may come from a stranger's card, so a constructor makes layers and
    does nothing else. ``normalisation`` says in a few words what ``forward`` does to a frame's scale. From
    ``arguments_of(shapes, card)`` come the arguments of a bundle whose card is older than ``network`` in it;
    LookupError: it is of another network.
    """

    def register(cls):
        add(NETWORKS, name, cls, "a network")
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


def knows(network):
    """Whether a card's network, and each that is an argument of it, is known here; None is not."""
    if network is None or network["name"] not in NETWORKS:
        return False
    inner = [value for value in network["arguments"].values() if isinstance(value, dict)]
    return all(map(knows, inner))


def outline(network):
    """Names of the weights of a network → empty tensors that have shape and dtype, but no memory.

    Args:
        network: dict of ``name`` and ``arguments``, from a card

    Raises:
        ValueError: there is no such network, or an argument is wrong
    """
    try:
        with torch.device("meta"):
            return build(**network).state_dict()
    except Exception as error:  # a constructor takes no care of what a stranger may give it
        raise ValueError(f"its network {network['name']!r} cannot be built ({error!s:.200})") from error


def restored(network, weights):
    """A network with stored weights, ready to be run; the random numbers of the process stay as they are.

    Args:
        network: dict of ``name`` and ``arguments``, whose ``outline`` the weights fit
        weights: dict of arrays
    """
    with torch.random.fork_rng(devices=[]):
        made = build(**network)
    made.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return made.eval()


def inferred(shapes, card):
    """The network of a bundle whose card does not name it, by the shapes of its weights.

    Args:
        shapes: dict, name of a weight → tuple
        card: dict, the bundle's

    Returns:
        dict of ``name`` and ``arguments``, or None
    """
    for name, cls in NETWORKS.items():
        if hasattr(cls, "arguments_of"):
            try:
                network = {"name": name, "arguments": cls.arguments_of(shapes, card)}
                found = outline(network)
            except (LookupError, ValueError):
                continue
            if {key: tuple(tensor.shape) for key, tensor in found.items()} == shapes:
                return network
    return None
