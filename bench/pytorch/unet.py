"""The network that is measured, diffusers' own, and one batch for it."""

import torch


def make_unet(size):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**arguments(size["unet"]))


def arguments(config):
    """A config.json as keyword arguments: lists as tuples, without the keys that only files have."""
    config = {key: value for key, value in config.items() if not key.startswith("_")}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}


def random_batch(size, unet):
    shape = (size["batch"], *size["latents"])
    width = unet.config.cross_attention_dim
    return {
        "noisy": torch.randn(shape),
        "target": torch.randn(shape),
        "timesteps": torch.randint(0, 1000, (size["batch"],)),
        "condition": torch.randn(size["batch"], size["tokens"], width),
    }


def loss_of(unet, batch):
    prediction = unet(batch["noisy"], batch["timesteps"], batch["condition"]).sample
    return (prediction - batch["target"]).square().mean()


def count(parameters):
    return sum(parameter.numel() for parameter in parameters)
