#!/usr/bin/env python3
"""How often predictors name the platform that is truly faster, by what `raceline calibrate --json` printed of each.

    raceline calibrate openvino.predictor openvino.csv.gz -o a.predictor --json > openvino.json
    raceline calibrate tensorflow.predictor tensorflow.csv.gz -o b.predictor --json > tensorflow.json
    tools/advise_accuracy.py openvino.json tensorflow.json

Of each two platforms, every network and batch that was measured on both and took 10 % longer on one of them counts, if both
predictors know all its layers. Sums are the papers'; calibrated times are those that networks of other families say, so nothing of a network is in its own.
Exit status: 0, or 1 where nothing can be compared.
"""
import argparse
import itertools
import json
import pathlib
import sys


def networks_of(path):
    """(network, batch) -> what was measured and predicted."""
    try:
        rows = json.loads(path.read_text())["networks"]
        return {(row["network"], row["batch"]): row for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"advise_accuracy: '{path}' is nothing that `raceline calibrate --json` prints: {error!r}")


def verdicts(first, second, column, least_percent):
    """Of each network and batch whether the faster one of two platforms was named; those alike are left out."""
    found = {}
    for key in sorted(first.keys() & second.keys()):
        measured = [each[key]["measured_us"] for each in (first, second)]
        predicted = [each[key][column] for each in (first, second)]
        whole = not any(each[key]["layers_without_model"] for each in (first, second))
        if max(measured) >= (1 + least_percent / 100) * min(measured) and None not in predicted and whole:
            found[key] = (measured[0] < measured[1]) == (predicted[0] < predicted[1])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("platforms", nargs="+", type=pathlib.Path, metavar="JSON")
    parser.add_argument("--differ", type=float, default=10, metavar="PERCENT", help="that platforms differ by at least (10)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    known = {path: networks_of(path) for path in args.platforms}
    table = []
    for first, second in itertools.combinations(args.platforms, 2):
        for column in ("sum_us", "calibrated_us"):
            found = verdicts(known[first], known[second], column, args.differ)
            if found:
                table.append({"platforms": [first.stem, second.stem], "by": column.removesuffix("_us"), "compared": len(found),
                              "right": sum(found.values()),
                              "wrong": [f"{net} batch {batch}" for (net, batch), right in found.items() if not right]})
    if not table:
        sys.exit("advise_accuracy: no network was measured on two of these platforms with times that differ so much")
    if args.json:
        print(json.dumps(table, indent=1))
        return
    for row in table:
        print(f"{' or '.join(row['platforms'])}, by {row['by']}: {row['right']} of {row['compared']} right "
              f"({100 * row['right'] / row['compared']:.0f} %){'; wrong: ' if row['wrong'] else ''}{', '.join(row['wrong'])}")


if __name__ == "__main__":
    main()
