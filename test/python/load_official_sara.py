"""What the official SaRA makes of a file of its kind: its load_params, on a UNet that diffusers reads.

load_official_sara.py <UNet folder> <unet.pt> <expected weights>, with SARA=<checkout of sjtuplayer/SaRA>
Prints {"tensors": how many, "changed": how many of their entries, "wrong": how many differ from those expected}.
"""
import importlib.util
import json
import os
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

folder, file, expected = sys.argv[1:]
spec = importlib.util.spec_from_file_location("adamw2", Path(os.environ["SARA"]) / "optim" / "adamw2.py")
adamw2 = importlib.util.module_from_spec(spec)
spec.loader.exec_module(adamw2)

unet = UNet2DConditionModel.from_pretrained(folder)
before = {name: weight.detach().clone() for name, weight in unet.named_parameters()}
saved = torch.load(file, weights_only=True)
adamw2.AdamW(unet.parameters(), threshold=saved["threshold"]).load_params(saved)
weights = load_file(expected)
print(
    json.dumps(
        {
            "tensors": len(before),
            "changed": sum(int((before[name] != weight).sum()) for name, weight in unet.named_parameters()),
            "wrong": sum(int((weights[name] != weight).sum()) for name, weight in unet.named_parameters()),
        }
    )
)
