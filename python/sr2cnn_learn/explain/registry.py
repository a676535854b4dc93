# SPDX-License-Identifier: GPL-3.0-or-later
"""Methods of explanation by name, and the one verb that asks them."""

from dataclasses import dataclass
from inspect import signature

import numpy as np
import torch

from ..iq import interleaved
from ..plugins import add

EXPLANATIONS = {}


@dataclass(frozen=True)
class Explanation:
    """Which samples of each frame speak for a class.

    Attributes:
        weights: float32 (N, frame_len) in [0, 1], the weightiest sample of a frame has 1; 0 for what speaks
            against the class
        raw: float32 (N, frame_len), as the method gives them
        target: int64 (N,), index of the class that is explained
        method: name of the method
        parameters: dict, those that were given to it
    """

    weights: np.ndarray
    raw: np.ndarray
    target: np.ndarray
    method: str
    parameters: dict


def explanation(name):
    """Function decorator: makes a method of explanation known by a name.

    A method takes a network like those of `nets`, in evaluation mode; frames, float32 (N, frame_len, 2); the
    class of each, int64 (N,); and parameters of its own by name. It gives float (N, frame_len). All are tensors.
    """

    def register(function):
        add(EXPLANATIONS, name, function, "an explanation")
        return function

    return register


def scores(network, frames):
    """Scores of the classes before softmax: (N, K)."""
    return network.classify(network(frames))


def explain(model, frames, target=None, method="saliency", batch_size=256, **parameters):
    """Explain what a network says of frames.

    Args:
        model: `Bundle`, or a network like those of `nets`
        frames: complex64 (N, frame_len) or float32 (N, frame_len, 2)
        target: index of the class to explain, one for all or (N,); None: the one that the network names
        method: name in ``EXPLANATIONS``
        batch_size: frames a call of the method
        parameters: of the method

    Returns:
        `Explanation`

    Raises:
        ValueError: there is no such method or class, or the shape of the frames or a parameter is wrong
    """
    if method not in EXPLANATIONS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(sorted(EXPLANATIONS))}")
    ask = EXPLANATIONS[method]
    try:
        signature(ask).bind(None, None, None, **parameters)
    except TypeError as error:
        raise ValueError(f"explanation {method!r}: {error}") from None
    network = model if isinstance(model, torch.nn.Module) else model.module()
    frames = np.asarray(frames)
    frames = torch.from_numpy(interleaved(frames) if np.iscomplexobj(frames) else frames.astype(np.float32))
    if frames.dim() != 3 or frames.shape[2] != 2 or not len(frames):
        raise ValueError(f"frames have shape {tuple(frames.shape)}, expected (N, frame_len, 2), N at least 1")
    training, device = network.training, next((p.device for p in network.parameters()), "cpu")
    network.eval()
    try:
        batches = [batch.to(device) for batch in frames.split(batch_size)]
        with torch.no_grad():
            found = torch.cat([scores(network, batch) for batch in batches])
        target = found.argmax(1) if target is None else _targets(target, *found.shape).to(device)
        with torch.enable_grad():
            parts = zip(batches, target.split(batch_size))
            raw = torch.cat([ask(network, *part, **parameters).detach() for part in parts])
    finally:
        network.train(training)
    raw = raw.float().cpu().numpy()
    positive = raw.clip(min=0)
    most = positive.max(axis=1, keepdims=True)
    weights = np.divide(positive, most, out=np.zeros_like(positive), where=most > 0)
    return Explanation(weights, raw, target.cpu().numpy(), method, parameters)


def _targets(target, n, n_classes):
    target = np.asarray(target)
    if target.dtype.kind not in "iu" or target.shape not in ((), (n,)):
        raise ValueError(f"target is {target!r}, expected the index of a class, or {n} of them")
    if target.min() < 0 or target.max() >= n_classes:
        raise ValueError(f"target is {target!r}, expected 0 to {n_classes - 1}")
    return torch.from_numpy(np.broadcast_to(target, n).astype(np.int64))
