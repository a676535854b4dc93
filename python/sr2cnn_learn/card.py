# SPDX-License-Identifier: GPL-3.0-or-later
"""The card of a model bundle: a JSON object that says what the model is. Its schema, and its checks.

Cards come from strangers: nothing in one that passes is too large, too deep or of another type than its
readers expect, and all that it says can be shown and written again.
"""

import json

from .discriminator_parameters import IN_CARD, PARAMETERS, DiscriminatorParameters
from .names import check_name

SCHEMA = 1
OF_EVERY_CARD = ("lambda1", "lambda2", "distance", "theta2")  # parameters of the discriminator
MAX_CARD_BYTES = 2**20
LARGEST = 1e100  # number in a card; its square is finite
MOST_ARGUMENTS = 64  # of a network, and numbers in one that is a list
MOST_NESTED = 32  # networks in a network
LARGEST_ARGUMENT = 2**20
INPUTS = ("iq",)  # what a network may take


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
    if card.get("network") is not None:
        check_network(card["network"])
    if card.get("input") is not None:
        _check_input(card["input"], card["frame_len"])
    if card.get("attributes") is not None:
        _check_attributes(card["attributes"])
    if card.get("provenance") is not None:
        _check_provenance(card["provenance"])


def parameters_of(card):
    """The discriminator's parameters in a card. One that the card does not name, as older ones, has its default.

    Raises:
        ValueError: one is out of range or not of its type: in a card a number is no text
    """
    given = {}
    for each in PARAMETERS:
        if each.name not in IN_CARD or (each.name not in card and each.name not in OF_EVERY_CARD):
            continue
        value, kind = card.get(each.name), type(each.default)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            expected = {float: "a number", int: "an integer", str: "a text"}[kind]
            raise ValueError(f"card has {each.name} {value!r:.60}, expected {expected}")
        given[each.name] = value
    try:
        return DiscriminatorParameters(**given)
    except ValueError as error:
        raise ValueError(f"card is wrong: {error}") from None


def _check_discriminator(card):
    parameters_of(card)
    thresholds = card.get("thresholds")
    if thresholds is not None:
        if not isinstance(thresholds, list) or len(thresholds) != len(card["classes"]):
            raise ValueError(f"card has thresholds {thresholds!r:.60}, expected one a class")
        for value in thresholds:
            _number({"thresholds": value}, "thresholds", (int, float))


def check_network(network, depth=0):
    """ValueError unless it is a name and arguments that a constructor may get; it need not be known here."""
    if not isinstance(network, dict) or network.keys() != {"name", "arguments"}:
        raise ValueError(f"card has network {network!r:.60}, expected an object of name and arguments")
    if depth == MOST_NESTED:
        raise ValueError(f"card has networks within networks, expected at most {MOST_NESTED}")
    check_name(network["name"], "network name")
    arguments = network["arguments"]
    if not isinstance(arguments, dict) or len(arguments) > MOST_ARGUMENTS:
        raise ValueError(
            f"card has arguments {arguments!r:.60}, expected an object of at most {MOST_ARGUMENTS}"
        )
    for name, value in arguments.items():
        check_name(name, "name of an argument")
        values = value if isinstance(value, (list, tuple)) else [value]
        if isinstance(value, dict):
            check_network(value, depth + 1)
        elif len(values) > MOST_ARGUMENTS or not all(map(_is_argument, values)):
            raise ValueError(
                f"card has {name} = {value!r:.60} among a network's arguments, expected a truth value, a short "
                f"text, a number up to {LARGEST_ARGUMENT}, or a list of at most {MOST_ARGUMENTS} of them"
            )


def _is_argument(value):
    if isinstance(value, (int, float)):
        return abs(value) <= LARGEST_ARGUMENT
    return isinstance(value, str) and len(value) <= 64 and value.isprintable()


def _check_input(taken, frame_len):
    """What the network takes: its kind, its length, and what it does to a frame's scale itself."""
    if not isinstance(taken, dict) or taken.keys() != {"kind", "frame_len", "normalisation"}:
        raise ValueError(
            f"card has input {taken!r:.60}, expected an object of kind, frame_len and normalisation"
        )
    if taken["kind"] not in INPUTS:
        raise ValueError(f"card has input.kind {taken['kind']!r:.60}, expected one of {', '.join(INPUTS)}")
    found = taken["frame_len"]
    if type(found) is not int or found != frame_len:
        raise ValueError(f"card has input.frame_len {found!r:.60}, expected its frame_len {frame_len}")
    if taken["normalisation"] is not None:
        check_name(taken["normalisation"], "input.normalisation")


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
