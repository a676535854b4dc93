# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a network and write its bundle: data file in, bundle out."""

from pathlib import Path

from ..atomic import replaceable
from ..engines import torch_device
from ..names import check_name
from .finish import finish
from .fit import Learner, fit
from .prepare import prepare, run_of


def train(
    data, recipe, out, device="auto", name=None, decoder=False, provenance=None, on_epoch=None, on_batch=None
):
    """Train on labelled frames and write a bundle.

    After each epoch a checkpoint is written to ``<out>.checkpoint``; called again with the same arguments
    (where the recipe has no cycle, ``epochs`` may differ), the training goes on where it stopped, with the same
    result. The checkpoint is deleted when the bundle is written.

    Args:
        data: `TrainingData`
        recipe: `recipes.Recipe`, see `recipe_of`
        out: bundle to write
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:<n>"``
        name: the bundle's, default the stem of ``out``
        decoder, provenance: see `finish.finish`
        on_epoch, on_batch: see `fit.fit`

    Returns:
        the card, its metrics measured on the test part

    Raises:
        FileNotFoundError, ValueError: an argument or the data file is wrong; names it
        OSError: `out` cannot be written, or is no regular file
    """
    out = Path(out)
    if not out.parent.is_dir():
        raise ValueError(f"{out}: no folder {out.parent}")
    name = check_name(name or out.stem, "model name")
    replaceable(out)  # or fail now, not when all is done
    device = torch_device(device)
    prepared = prepare(data, recipe, device)
    learner = Learner(recipe, prepared, device)
    checkpoint = out.with_name(out.name + ".checkpoint")
    fit(learner, prepared, checkpoint, run_of(prepared, recipe), on_epoch, on_batch)
    card = finish(learner, prepared, out, name, decoder, provenance)
    checkpoint.unlink()
    return card
