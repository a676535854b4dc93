# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes annotated SigMF recordings."""

import json

import numpy as np

RNG = np.random.default_rng(4)
SAMPLES = (RNG.uniform(-0.7, 0.7, (2000, 2)) @ [1, 1j]).astype(np.complex64)


def annotation(start, count=None, label=None, **more):
    fields = {"core:sample_start": start, "core:sample_count": count, "core:label": label, **more}
    return {name: value for name, value in fields.items() if value is not None}


def record(path, annotations=(), samples=SAMPLES, datatype="cf32_le"):
    """Write a recording, return its metadata's path."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".sigmf-data").write_bytes(samples.tobytes())
    meta = {
        "global": {
            "core:datatype": datatype,
            "core:version": "1.0.0",
            "core:extensions": [
                {"name": name, "version": "1.0.0", "optional": True}
                for name in ("capture_details", "scene", "sr2cnn")
            ],
        },
        "captures": [{"core:sample_start": 0}],
        "annotations": sorted(annotations, key=lambda a: a["core:sample_start"]),
    }
    path.with_suffix(".sigmf-meta").write_text(json.dumps(meta))
    return path.with_suffix(".sigmf-meta")
