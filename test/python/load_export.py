"""What diffusers makes of LoRAs and whole models, or ComfyUI of LoRAs and patches, beside the weights that are expected.

load_export.py diffusers|comfyui <tasks.json>, for ComfyUI with COMFYUI=<checkout>
Tasks: {"model": folder, "names": original names by diffusers' keys, "files": [[file, expected UNet weights or null], …]}
Prints for each file [how many weights changed, the largest difference from what is expected], or what stopped it.
"""
import importlib
import json
import os
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import load_file


def with_diffusers(tasks):
    from diffusers import StableDiffusionPipeline

    def patched(file):
        if Path(file).is_dir():
            return StableDiffusionPipeline.from_pretrained(file, safety_checker=None).unet.state_dict()
        if any(key.startswith("model.diffusion_model.") for key in load_file(file)):
            pipeline = StableDiffusionPipeline.from_single_file(file, config=tasks["model"], safety_checker=None)
            return pipeline.unet.state_dict()
        pipeline = StableDiffusionPipeline.from_pretrained(tasks["model"], safety_checker=None)
        pipeline.load_lora_weights(Path(file).parent, weight_name=Path(file).name)
        pipeline.fuse_lora()
        pipeline.unload_lora_weights()
        return pipeline.unet.state_dict()

    return patched


def with_comfyui(tasks):
    """Its loader, for a stand-in that has the names and weights of the model and nothing else."""
    sys.path.insert(0, os.environ["COMFYUI"])
    sys.argv = ["comfyui", "--cpu"]
    importlib.import_module("comfy.options").enable_args_parsing()
    base = types.ModuleType("comfy.model_base")
    base.__getattr__ = lambda name: type(name, (), {})
    sys.modules["comfy.model_base"] = importlib.import_module("comfy").model_base = base
    lora = importlib.import_module("comfy.lora")

    folder = Path(tasks["model"]) / "unet"
    config = json.loads((folder / "config.json").read_text())
    layers = config["layers_per_block"]
    depth = [int(kind.startswith("Cross")) for kind in config["down_block_types"]]
    unet_config = {
        "num_res_blocks": [layers] * len(depth),
        "channel_mult": [1] * len(depth),
        "transformer_depth": [d for d in depth for _ in range(layers)],
        "transformer_depth_output": [d for d in depth for _ in range(layers + 1)],
        "transformer_depth_middle": 1,
    }
    weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    names = {key: f"diffusion_model.{name}" for key, name in tasks["names"].items()}
    state = {names[key]: weight for key, weight in weights.items()}
    model = types.SimpleNamespace(state_dict=lambda: state, model_config=types.SimpleNamespace(unet_config=unet_config))

    def patched(file):
        patches = lora.load_lora(load_file(file), lora.model_lora_keys_unet(model, {}))
        weight = lambda key: lora.calculate_weight([(1.0, patches[key], 1.0, None, None)], state[key].clone().float(), key)
        return {key: weight(name) if name in patches else state[name] for key, name in names.items()}

    return patched


def main(application, path):
    tasks = json.loads(Path(path).read_text())
    base = load_file(Path(tasks["model"]) / "unet" / "diffusion_pytorch_model.safetensors")
    patched = {"diffusers": with_diffusers, "comfyui": with_comfyui}[application](tasks)
    results = []
    for file, expected in tasks["files"]:
        try:
            with torch.no_grad():
                got = patched(file)
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
            continue
        wanted = load_file(expected) if expected else {}
        changed = sum(not torch.equal(got[key].float(), base[key].float()) for key in base)
        gaps = [(got[key].float() - wanted[key].float()).abs().max().item() for key in wanted]
        results.append([changed, max(gaps, default=0)])
    print(json.dumps(results))


main(*sys.argv[1:])
