# SPDX-License-Identifier: GPL-3.0-or-later
"""The input gradient (Simonyan, Vedaldi and Zisserman, *Deep Inside Convolutional Networks*, 2014)."""

import torch

from .registry import explanation, scores


@explanation("saliency")
def saliency(network, frames, target):
    """|∂ score / ∂ x| of each sample x, over I and Q: how much a small change of it moves the score."""
    frames = frames.detach().requires_grad_()
    score = scores(network, frames).gather(1, target[:, None]).sum()
    (gradient,) = torch.autograd.grad(score, frames)
    return torch.linalg.vector_norm(gradient, dim=2)
