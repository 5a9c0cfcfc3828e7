"""A Stable Diffusion model as diffusers itself writes and reads it; the last line tells the process's peak memory.

model.py save <folder> <configs.json> <tokenizer>   with random weights, in float16
model.py compare <folder> <other>                   how many entries of the UNet differ after from_pretrained
"""

import json
import resource
import sys

import torch


def arguments(config):
    config = {key: value for key, value in config.items() if not key.startswith("_")}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}


def save(folder, configs, tokenizer):
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    configs = json.load(open(configs))
    text = {key: value for key, value in configs["textEncoder"].items() if key not in ("architectures", "model_type")}
    torch.manual_seed(0)
    StableDiffusionPipeline(
        unet=UNet2DConditionModel(**arguments(configs["unet"])).half(),
        vae=AutoencoderKL(**arguments(configs["vae"])).half(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**text)).half(),
        tokenizer=CLIPTokenizer.from_pretrained(tokenizer),
        scheduler=DDIMScheduler(**arguments(configs["scheduler"])),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return {}


def compare(folder, other):
    from diffusers import StableDiffusionPipeline

    unets = [
        StableDiffusionPipeline.from_pretrained(path, torch_dtype=torch.float16, safety_checker=None).unet.state_dict()
        for path in (folder, other)
    ]
    assert unets[0].keys() == unets[1].keys()
    bits = [{key: value.view(torch.int16) for key, value in unet.items()} for unet in unets]
    return {"changed": sum(int((bits[0][key] != bits[1][key]).sum()) for key in bits[0])}


if __name__ == "__main__":
    found = {"save": save, "compare": compare}[sys.argv[1]](*sys.argv[2:])
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**found, "peakBytes": peak}))
