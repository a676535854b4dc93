# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `explain`: the input gradient by hand, and a method that a test adds."""

import numpy as np
import pytest
import torch
from sr2cnn_learn.explain import EXPLANATIONS, explain, explanation
from sr2cnn_learn.nets import build


class Linear(torch.nn.Module):
    """Two classes; the scores are weighted sums of I and Q of four samples."""

    #: (class, sample, I and Q)
    WEIGHTS = torch.tensor([[[3.0, 4], [0, 0], [0, -2.5], [0, 0]], [[0, 0], [1, 0], [0, 0], [0, 2]]])

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(self.WEIGHTS.clone())
        self.dropout = torch.nn.Dropout(0.9)

    def forward(self, iq):
        return self.dropout(iq)

    def classify(self, z):
        return torch.einsum("nst,kst->nk", z, self.weights)


def test_saliency_of_a_linear_network_by_hand():
    network = Linear().train()
    frames = np.array([[1, 0, 0, 0], [0, 0, 0, 1j]], np.complex64)
    found = explain(network, frames, batch_size=1)
    assert found.target.tolist() == [0, 1] and (found.method, found.parameters) == ("saliency", {})
    np.testing.assert_allclose(found.raw, [[5, 0, 2.5, 0], [0, 1, 0, 2]])
    np.testing.assert_allclose(found.weights, [[1, 0, 0.5, 0], [0, 0.5, 0, 1]])
    assert found.weights.dtype == found.raw.dtype == np.float32
    assert network.training and network.weights.grad is None  # as it was

    for target in (1, [1, 1]):
        other = explain(network, frames, target)
        np.testing.assert_allclose(other.weights, [[0, 0.5, 0, 1]] * 2)


def test_a_network_s_answer_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    network = build("residual", dict(n_classes=4, frame_len=128))
    frames = torch.randn(5, 128, 2).numpy()
    whole, parts = explain(network, frames), explain(network, frames, batch_size=2)
    assert whole.weights.shape == (5, 128) and (whole.weights.max(1) == 1).all() and whole.weights.min() >= 0
    np.testing.assert_allclose(whole.raw, parts.raw, rtol=1e-3, atol=1e-6)


def test_a_new_method_is_a_function():
    try:

        @explanation("loudest")
        def loudest(network, frames, target, offset=0.0):
            return frames.norm(dim=2) - offset

        frames = np.array([[3, 4j, 0, 1], [0, 0, 0, 0]], np.complex64)
        found = explain(Linear(), frames, method="loudest", offset=2)
    finally:
        del EXPLANATIONS["loudest"]
    assert found.raw.tolist() == [[1, 2, -2, -1], [-2] * 4]
    assert found.weights.tolist() == [[0.5, 1, 0, 0], [0] * 4]  # what speaks against it has no weight
    assert found.parameters == {"offset": 2}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(method="tea leaves"), "'tea leaves', expected one of .*saliency"),
        (dict(steps=3), "'saliency'.*steps"),
        (dict(target=2), "expected 0 to 1"),
        (dict(target=-1), "expected 0 to 1"),
        (dict(target=[0, 1]), "or 1 of them"),
        (dict(target=0.5), "index of a class"),
        (dict(frames=np.zeros((1, 4, 3))), r"\(1, 4, 3\), expected"),
        (dict(frames=np.zeros((0, 4, 2))), "at least 1"),
    ],
)
def test_errors(options, words):
    with pytest.raises(ValueError, match=words):
        explain(Linear(), **{"frames": np.zeros((1, 4, 2), np.float32), **options})
    with pytest.raises(ValueError, match="there is an explanation 'saliency' already"):
        explanation("saliency")(lambda network, frames, target: frames)
