"""One measurement of PyTorch in a process of its own: reads the size as JSON on stdin, prints a line of JSON.

    python measure.py <work> <threads> < size.json

works.py lists the works. Every network is diffusers' or transformers', with its own random weights.
"""

import json
import re
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()

import torch

from works import WORKS


def peak_bytes():
    """The largest resident set of this process so far."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def timed(step):
    before = time.perf_counter()
    step()
    return time.perf_counter() - before


def main():
    work, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    size = json.load(sys.stdin)
    facts, step, after = WORKS[work](size)
    size |= facts.pop("counts", {})
    warm_up = [timed(step) for _ in range(size["warmUp"])]
    set_up_seconds = time.perf_counter() - STARTED
    seconds = [timed(step) for _ in range(size["steps"])]
    after_first = sum((warm_up + seconds)[1:])
    result = {
        "seconds": seconds,
        "warmUpSeconds": warm_up,
        "setUpSeconds": set_up_seconds,
        "firstStepAt": 1000 * (time.time() - after_first),
        "peakBytes": peak_bytes(),
        **facts,
    }
    if after:
        result["parts"] = after()
        result["peakBytes"] = peak_bytes()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
