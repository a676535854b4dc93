# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of the discriminator (Algorithm 2 of the SR2CNN paper), each said once.

The oracle, the cards of bundles, recipes and blocks take their names, defaults and checks from here;
``gr::sr2cnn::discriminator_parameters`` is the same in C++.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from .names import shown
from .quantities import number, whole

#: Discovered classes are -1 ... -32767, so that every id fits the int16 class stream.
MAX_UNKNOWN = 32767
#: Largest value of a number, and length of a vector: sums of squares stay finite.
LARGEST = 1e150
#: Largest whole number, as of an int in C++.
LARGEST_WHOLE = 2**31 - 1

DISTANCES = ("diagonal", "isotropic", "euclidean", "mahalanobis")
THETA2 = ("median", "mean")
ZERO_VARIANCE = ("floor", "ignore")


def one_of(*choices):
    """Check of a text."""

    def check(name, value):
        if value not in choices:
            raise ValueError(f"{name} is '{shown(value, 60)}', expected one of {', '.join(choices)}")
        return value

    return check


def real(least=0, above=False):
    """Check of a number: at least so much, or above it."""
    expected = f"above {least}" if above else f"of at least {least}"

    def check(name, value):
        value = number(name, value)
        if math.isnan(value) or value < least or (above and value == least):
            raise ValueError(f"{name} is {value:g}, expected a number {expected}")
        if value > LARGEST:
            raise ValueError(f"{name} is {value:g}, expected at most {LARGEST:g}")
        return value

    return check


def count(least=0, most=None, optional=False):
    """Check of a whole number, or None where that may be."""
    expected = f"at least {least}" if most is None else f"{least} to {most}"

    def check(name, value):
        if value is None and optional:
            return None
        value = whole(name, value)
        if value < least or (most is not None and value > most):
            raise ValueError(f"{name} is {shown(value, 60)}, expected {expected}")
        if value > LARGEST_WHOLE:
            raise ValueError(f"{name} is {shown(value, 60)}, expected at most {LARGEST_WHOLE}")
        return value

    return check


def parameter(default, check, about, in_card=False, fixed=False):
    """A field of `DiscriminatorParameters`.

    Args:
        default: value where nothing else is said
        check: function of name and value, that gives the value as it is kept or raises ValueError
        about: what it does
        in_card: whether it belongs to a model, and so stands in the card of its bundle
        fixed: whether it cannot change once the discriminator is made
    """
    return field(default=default, metadata=dict(check=check, about=about, in_card=in_card, fixed=fixed))


@dataclass(frozen=True)
class DiscriminatorParameters:
    """Parameters of Algorithm 2.

    Raises:
        ValueError: one is out of range, with its value and what was expected
        TypeError: there is no parameter of this name
    """

    lambda1: float = parameter(
        0.4,
        real(above=True),
        "Θ1 = lambda1·3·√dim (Eq. 10): below it a frame is known. Setting it takes the place of thresholds per "
        "class, too.",
        in_card=True,
    )
    lambda2: float = parameter(
        1.0, real(), "Weight of the typical distance between known classes in Θ2 (Eq. 16).", in_card=True
    )
    distance: str = parameter(
        "diagonal",
        one_of(*DISTANCES),
        "A_k of Eq. 8: `mahalanobis` the covariance, `diagonal` its diagonal, `isotropic` trace/dim, "
        "`euclidean` the identity.",
        in_card=True,
        fixed=True,
    )
    theta2: str = parameter(
        "median",
        one_of(*THETA2),
        "`median` (the paper) or `mean` (the released code) of the Euclidean distances to the known centers "
        "in Θ2.",
        in_card=True,
    )
    zero_variance: str = parameter(
        "floor",
        one_of(*ZERO_VARIANCE),
        "`floor` raises the variances of a class to at least 1e-3 of their mean; `ignore` leaves out the "
        "dimensions without variance, as the released code does.",
        fixed=True,
    )
    min_support: int = parameter(
        1, count(1), "Frames that a discovered class needs before it is announced; no effect on ids."
    )
    max_unknown: int | None = parameter(
        None,
        count(0, MAX_UNKNOWN, optional=True),
        "Most discovered classes kept; once reached, the nearest takes the frame. None: as many as there are "
        "ids (32767).",
    )
    rival_support: int = parameter(
        0,
        count(),
        "Members from which a discovered class is a rival of the known ones: it then takes frames within Θ1, "
        "too, that lie nearer (Euclidean) to its center than to any known one. 0: never, as in the paper.",
        in_card=True,
    )
    theta2_limit: float = parameter(
        0.0,
        real(),
        "Largest Θ2 over Θ1. Without it Θ2 grows with the distance to the known centers, so that what lies far "
        "from them all becomes one class. 0: no limit, as in the paper. For distances that are in the scale of "
        "the Euclidean one.",
        in_card=True,
    )
    merge_separation: float = parameter(
        0.0,
        real(),
        "Two discovered classes are merged, the younger into the older one, where the last members of both "
        "along the line through their centers show no gap: where Ashman's D, the distance of their means over "
        "the root mean square of their standard deviations, is below this. The halves of one cloud have 2.6 "
        "(normal) to 3.5 (uniform). From then on the younger id is not used again; ids given before stay as "
        "they are, see `discriminator.resolve`. 0: never, as in the paper. For distances that are in the scale "
        "of the Euclidean one.",
        in_card=True,
    )

    def __post_init__(self):
        for each in fields(self):
            checked = each.metadata["check"](each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, checked)

    def in_card(self):
        """Those that belong to a model: dict by name."""
        return {each.name: getattr(self, each.name) for each in PARAMETERS if each.metadata["in_card"]}


PARAMETERS = fields(DiscriminatorParameters)
IN_CARD = tuple(each.name for each in PARAMETERS if each.metadata["in_card"])
RUNTIME = tuple(each.name for each in PARAMETERS if not each.metadata["fixed"])

DiscriminatorParameters.__doc__ += "\n    Attributes:\n" + "".join(
    f"        {each.name}: {each.metadata['about']}\n" for each in PARAMETERS
)
