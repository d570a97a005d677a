"""Train a classifier and keep its weights: `train.py RESULTS [DATASET]`. It says which devices it was given."""

import csv
import json
import math
import os
import sys
from pathlib import Path

results, data = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
print("devices:", os.environ.get("NVIDIA_VISIBLE_DEVICES", "not said"))

samples = [(x / 10, y / 10, int(x + y > 0)) for x in range(-10, 11) for y in range(-10, 11)]
if data and data[0].exists():
    with data[0].open(newline="") as file:
        samples = [(float(x), float(y), int(label)) for x, y, label in csv.reader(file)]

a = b = c = 0.0
for _ in range(20):
    for x, y, label in samples:
        error = label - 1 / (1 + math.exp(-(a * x + b * y + c)))
        a, b, c = a + 0.1 * error * x, b + 0.1 * error * y, c + 0.1 * error
right = sum((a * x + b * y + c > 0) == bool(label) for x, y, label in samples)

place = results / "model.json"
place.write_text(json.dumps({"weights": [a, b, c], "accuracy": right / len(samples)}) + "\n")
print(f"wrote {place}: {right} of {len(samples)} right")
