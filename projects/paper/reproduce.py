"""Reproduce the paper's one figure: how well pi is known after so many samples."""

import json
import sys
from pathlib import Path

import numpy

samples = numpy.random.default_rng(seed=2027).random((2, 1_000_000))
estimate = 4 * float(numpy.mean((samples**2).sum(axis=0) < 1))
result = {"samples": samples.shape[1], "pi": round(estimate, 6)}
place = Path(sys.argv[1]) / "result.json"
place.write_text(json.dumps(result) + "\n")
print(f"wrote {result} to {place}")
