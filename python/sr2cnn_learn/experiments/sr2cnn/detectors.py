# SPDX-License-Identifier: GPL-3.0-or-later
"""The detectors of table 5 on one trained network: is a frame known, and which class is it?

All see the same network. Their thresholds keep the same share of the known validation frames, and none of
them sees an unknown frame before the test.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np
import torch
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.svm import OneClassSVM

from ...discriminator import Discriminator
from ...evaluation.closed_set import class_indices
from ...evaluation.mdl4ow import MDL4OW, reconstruction_losses
from ...evaluation.metrics import open_set_metrics
from ...evaluation.openmax import OpenMax
from ...evaluation.separation import TKR
from ...nets.sr2cnn import normalise

VARIANCE_KEPT = 0.99  # by the principal components that EllipticEnvelope sees
BATCH = 256


@dataclass(frozen=True)
class Detection:
    """What a detector says of the test stream.

    Attributes:
        scores: (N,) float, large is strange
        threshold: frames with a larger score are unknown; it keeps 95 % of the known validation frames
        classes: (N,) indices of the known class that each frame would be
    """

    scores: np.ndarray
    threshold: float
    classes: np.ndarray

    @property
    def ids(self):
        """(N,) class ids; all unknown frames are one class, −1."""
        return np.where(self.scores > self.threshold, -1, self.classes)


def _detection(score, validation, test, classes):
    threshold = np.quantile(score(*validation), TKR, method="higher")
    return Detection(score(*test), float(threshold), classes)


class Inputs:
    """What the detectors look at: semantic vectors, logits and reconstruction losses of a ``Trained``."""

    def __init__(self, trained, seed):
        self.trained, self.seed = trained, seed
        self.train, self.validation = trained.z("train"), trained.z("validation")
        self.test = trained.stream()[0]
        self.labels = class_indices(trained.labels("train"), trained.classes)

    @cached_property
    def logits(self):
        """Of training, validation and test frames."""
        return [self.trained.bundle.classify(z) for z in (self.train, self.validation, self.test)]

    @cached_property
    def losses(self):
        """Reconstruction losses of training, validation and test frames."""
        t = self.trained
        parts = t.frames("train"), t.frames("validation"), t.stream_frames()
        return [np.concatenate([self._losses(b) for b in _batches(part)]) for part in parts]

    def _losses(self, frames):
        target = normalise(torch.from_numpy(frames)).numpy()
        return reconstruction_losses(self.trained.bundle.reconstruct(frames), target)


def _batches(frames):
    return (np.ascontiguousarray(frames[i : i + BATCH]) for i in range(0, len(frames), BATCH))


def _outlier_detector(make, inputs):
    """A detector of scikit-learn on semantic vectors; the class is the classifier's."""
    model = make(inputs.seed).fit(inputs.train)
    predicted = inputs.logits[2].argmax(1)
    return _detection(lambda z: -model.score_samples(z), [inputs.validation], [inputs.test], predicted)


def _openmax(inputs):
    """The probability of the unknown class; the class is the most probable known one."""
    train, validation, test = inputs.logits
    openmax = OpenMax().fit(train, inputs.labels)
    classes = openmax.probabilities(test)[:, 1:].argmax(1)
    return _detection(lambda v: openmax.probabilities(v)[:, 0], [validation], [test], classes)


def _mdl4ow(inputs):
    """The reconstruction loss among those of the class that the classifier names, which is the class."""
    train, validation, test = inputs.losses
    named = [logits.argmax(1) for logits in inputs.logits]
    model = MDL4OW().fit(train, inputs.labels)
    return _detection(model.scores, [validation, named[1]], [test, named[2]], named[2])


def _sr2cnn(inputs):
    """The discriminator's score d1/Θ1; the class is the one of the nearest center."""
    discriminator = Discriminator(**inputs.trained.discriminator_options)
    nearest, _ = discriminator.nearest_known(inputs.test)
    return _detection(
        lambda z: discriminator.nearest_known(z)[1], [inputs.validation], [inputs.test], nearest
    )


#: Name → function of ``Inputs`` that gives a ``Detection``.
DETECTORS = {
    "IsolationForest": partial(_outlier_detector, lambda seed: IsolationForest(random_state=seed)),
    # Its covariance needs full rank, and rectified dimensions may be dead.
    "EllipticEnvelope": partial(
        _outlier_detector,
        lambda seed: make_pipeline(PCA(VARIANCE_KEPT), EllipticEnvelope(random_state=seed)),
    ),
    "OneClassSVM": partial(_outlier_detector, lambda seed: OneClassSVM(nu=1 - TKR)),
    "LocalOutlierFactor": partial(_outlier_detector, lambda seed: LocalOutlierFactor(novelty=True)),
    "OpenMax": _openmax,
    "MDL4OW": _mdl4ow,
    "SR2CNN": _sr2cnn,
}


@lru_cache(maxsize=1)  # table 5 and figure 8 ask for the same
def detect(trained, seed):
    """All detectors on the test stream of a network.

    Args:
        trained: ``Trained``, with unknown classes
        seed: of IsolationForest and EllipticEnvelope

    Returns:
        (dict from name to ``Detection``, dict from name to why there is none)
    """
    inputs = Inputs(trained, seed)
    detections, failures = {}, {}
    for name, detector in DETECTORS.items():
        try:
            detections[name] = detector(inputs)
        except ValueError as error:  # e.g. a class that an undertrained network never names
            failures[name] = str(error)
    return detections, failures


def detector_figures(laboratory):
    """The detectors of table 5: dict from name to (``Detection``, its figures), failures, truth."""
    trained = laboratory.trained(laboratory.unknown)
    detections, failures = detect(trained, laboratory.seed)
    truth = trained.stream()[1]
    unknown = ~np.isin(truth, trained.classes)
    results = {}
    for name, detection in detections.items():
        figures = open_set_metrics(truth, detection.ids, trained.classes)
        figures["auroc"] = float(roc_auc_score(unknown, detection.scores))
        results[name] = detection, figures
    return results, failures, unknown
