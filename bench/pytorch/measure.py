"""One measurement of PyTorch in a process of its own: reads the size as JSON on stdin, prints a line of JSON.

    python measure.py <work> <threads> < size.json

Works: forward, full, sara, lora, rank, gemm. The UNet is diffusers', with its own random weights.
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


def main():
    work, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    size = json.load(sys.stdin)
    facts, step = WORKS[work](size)
    size |= facts.pop("counts", {})
    for _ in range(size["warmUp"]):
        step()
    set_up_seconds = time.perf_counter() - STARTED
    seconds = []
    for _ in range(size["steps"]):
        before = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - before)
    result = {"seconds": seconds, "setUpSeconds": set_up_seconds, "peakBytes": peak_bytes(), **facts}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
