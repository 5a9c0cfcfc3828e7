"""Prints, as a line of JSON, the versions that a result names; fails where torch or diffusers is missing."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version

import diffusers
import torch


def optional(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None


versions = {
    "python": platform.python_version(),
    "torch": torch.__version__,
    "diffusers": diffusers.__version__,
    "transformers": optional("transformers"),
    "peft": optional("peft"),
}
print(json.dumps({name: value for name, value in versions.items() if value is not None}))
