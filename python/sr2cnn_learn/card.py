# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of a model bundle: a JSON object that says what the model is. Its schema, and its checks.

Cards come from strangers: nothing in one that passes is too large, too deep or of another type than its readers
expect, and all that it says can be shown and written again.
"""

import json

from .discriminator_parameters import DISTANCES, THETA2
from .names import check_name

SCHEMA = 1
MAX_CARD_BYTES = 2**20
LARGEST = 1e100  # number in a card; its square is finite


def _number(card, key, kind, positive=True):
    value = card.get(key)
    valid = isinstance(value, kind) and not isinstance(value, bool)
    # An integer may be too large for a float; only a small one is compared with it.
    if not valid or not abs(value) <= LARGEST or (positive and value <= 0):
        expected = "a positive number" if positive else "a finite number"
        raise ValueError(f"card has {key} = {value!r:.60}, expected {expected}")
    return value


def check_card(card):
    """Raise ValueError with one clear sentence unless ``card`` holds all that a bundle needs."""
    if not isinstance(card, dict):
        raise ValueError(f"card is a {type(card).__name__}, expected an object")
    if card.get("schema") != SCHEMA:
        raise ValueError(f"card has schema {card.get('schema')!r:.60}, expected {SCHEMA}")
    check_name(card.get("name"), "model name")
    classes = card.get("classes")
    if not isinstance(classes, list):
        raise ValueError("card has no list of class names under 'classes'")
    for name in classes:
        check_name(name)
    if not 2 <= len(set(classes)) == len(classes) <= 2**15:
        raise ValueError(f"card has {len(classes)} classes, expected at least two, each once")
    for key in ("frame_len", "dim"):
        if _number(card, key, int) > 2**20:
            raise ValueError(f"card has {key} = {card[key]}, expected at most {2**20}")
    _number(card, "samples_per_symbol", (int, float))
    _check_discriminator(card)
    if card.get("attributes") is not None:
        _check_attributes(card["attributes"])
    if card.get("provenance") is not None:
        _check_provenance(card["provenance"])


def _check_discriminator(card):
    for key in ("lambda1", "lambda2"):
        _number(card, key, (int, float))
    for key, choices in (("distance", DISTANCES), ("theta2", THETA2)):
        if card.get(key) not in choices:
            raise ValueError(f"card has {key} {card.get(key)!r:.60}, expected one of {', '.join(choices)}")
    rival_support = card.get("rival_support", 0)
    whole = isinstance(rival_support, int) and not isinstance(rival_support, bool)
    if not whole or not 0 <= rival_support < 2**31:
        raise ValueError(f"card has rival_support {rival_support!r:.60}, expected an integer of at least 0")
    for key in ("theta2_limit", "merge_separation"):
        limit = card.get(key, 0)
        number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
        if not number or not 0 <= limit <= LARGEST:
            raise ValueError(f"card has {key} {limit!r:.60}, expected a number of at least 0")
    thresholds = card.get("thresholds")
    if thresholds is not None:
        if not isinstance(thresholds, list) or len(thresholds) != len(card["classes"]):
            raise ValueError(f"card has thresholds {thresholds!r:.60}, expected one a class")
        for value in thresholds:
            _number({"thresholds": value}, "thresholds", (int, float))


def _check_attributes(attributes):
    if not isinstance(attributes, dict):
        raise ValueError(f"card has attributes {attributes!r:.60}, expected an object of names and r2")
    names, r2 = attributes.get("names"), attributes.get("r2")
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise ValueError("card has no list of attribute names under 'attributes'")
    if not 1 <= len(set(names)) == len(names) <= 1000:
        raise ValueError(f"card has {len(names)} attributes, expected at least one, each once")
    if not isinstance(r2, list) or len(r2) != len(names):
        raise ValueError(f"card has r2 {r2!r:.60} under 'attributes', expected one a name")
    for value in r2:
        _number({"r2": value}, "r2", (int, float), positive=False)


def _check_provenance(provenance):
    """What others read of it; the rest is for people."""
    if not isinstance(provenance, dict):
        raise ValueError(f"card has provenance {provenance!r:.60}, expected an object")
    if "data_sha256" in provenance:  # then it says which frames the training has seen
        unknown, seed = provenance.get("unknown"), provenance.get("seed")
        if not isinstance(unknown, list) or not all(isinstance(name, str) for name in unknown):
            raise ValueError(f"card has provenance.unknown {unknown!r:.60}, expected a list of names")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**64:
            raise ValueError(f"card has provenance.seed {seed!r:.60}, expected an integer of at least 0")


def parsed_card(data):
    """The object in ``card.json``, of JSON that can be written and shown again."""
    text = data.decode()
    card = json.loads(text, object_pairs_hook=_each_key_once)
    check_card(card)
    json.dumps(card, ensure_ascii=False).encode()  # no half of a surrogate pair, not nested too deep
    return card


def _each_key_once(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("card has a key twice")
    return found
