"""Drawing one picture with guidance: text encoder, UNet steps and decoder of diffusers and transformers, random weights."""

import time

import torch

from unet import arguments, make_unet

GUIDANCE = 7.5


def make_decoder(size):
    from diffusers import AutoencoderKL

    return AutoencoderKL(**arguments(size["vae"]))


def make_text_encoder(size):
    from transformers import CLIPTextConfig, CLIPTextModel

    keys = {key: value for key, value in size["textEncoder"].items() if key not in ("architectures", "model_type")}
    return CLIPTextModel(CLIPTextConfig(**keys))


def sample(size):
    """A step is one sampler step: the UNet on both prompts, guidance, and DDIM's update, as StableDiffusionPipeline does."""
    from diffusers import DDIMScheduler

    unet, vae, text_encoder = make_unet(size), make_decoder(size), make_text_encoder(size)
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    scheduler.set_timesteps(size["samplerSteps"])
    ids = torch.randint(0, size["textEncoder"]["vocab_size"], (2, size["tokens"]))

    @torch.no_grad()
    def encode():
        return text_encoder(ids)[0]

    first_text, states = timed(encode)
    text, _ = timed(encode)
    latents = torch.randn(1, *size["latents"])
    timesteps = iter(scheduler.timesteps)

    @torch.no_grad()
    def step():
        nonlocal latents
        timestep = next(timesteps)
        inputs = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
        negative, positive = unet(inputs, timestep, encoder_hidden_states=states).sample.chunk(2)
        guided = negative + GUIDANCE * (positive - negative)
        latents = scheduler.step(guided, timestep, latents).prev_sample

    @torch.no_grad()
    def decode():
        return vae.decode(latents / vae.config.scaling_factor).sample

    def after():
        first_decode, _ = timed(decode)
        return {"textFirst": first_text, "text": text, "decodeFirst": first_decode, "decode": timed(decode)[0]}

    return {}, step, after


def timed(work):
    before = time.perf_counter()
    result = work()
    return time.perf_counter() - before, result
