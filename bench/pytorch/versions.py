"""Prints, as a line of JSON, the versions that a result names; fails where torch or diffusers is missing."""

import json
import platform

import diffusers
import torch

print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "diffusers": diffusers.__version__}))
