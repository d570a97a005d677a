"""Write a dataset of points in two classes that a line separates, the same every time."""

import csv
import sys
from pathlib import Path

place = Path(sys.argv[1]) / "points.csv"
with place.open("w", newline="") as file:
    rows = csv.writer(file)
    for x in range(-20, 21):
        for y in range(-20, 21):
            rows.writerow([x / 20, y / 20, int(3 * x - 2 * y + 10 > 0)])
print(f"wrote {place}")
