"""What diffusers' UNet computes with a LoRA or DoRA file on it, beside what it computes with the weights that are expected.

load_factors.py <tasks.json>: {"model": folder, "files": [[diffusers file or PEFT folder, expected UNet weights], …]}
Prints for each file [largest difference from the base's output, largest difference from what is expected].
"""
import json
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from peft import PeftModel
from safetensors.torch import load_file


def main(path):
    tasks = json.loads(Path(path).read_text())
    load = lambda: UNet2DConditionModel.from_pretrained(tasks["model"], subfolder="unet").eval()
    base = load()
    random = torch.Generator().manual_seed(1)
    size = base.config.sample_size
    sample = torch.randn(2, base.config.in_channels, size, size, generator=random)
    states = torch.randn(2, 7, base.config.cross_attention_dim, generator=random)
    run = lambda unet: unet(sample, torch.tensor([10, 700]), states).sample
    results = []
    with torch.no_grad():
        plain = run(base)
        for file, expected in tasks["files"]:
            merged = load()
            merged.load_state_dict(load_file(expected))
            adapted = load()
            if Path(file).is_dir():
                adapted = PeftModel.from_pretrained(adapted, file).eval()
            else:
                adapted.load_lora_adapter(str(Path(file).parent), weight_name=Path(file).name, prefix="unet")
            output = run(adapted)
            results.append([(output - other).abs().max().item() for other in (plain, run(merged))])
    print(json.dumps(results))


main(*sys.argv[1:])
