"""Methods of fine-tuning: each prepares a UNet that has its weights and returns facts and a training step."""

import sys

import torch

from unet import count, loss_of


def optimizing(unet, trained, batch, weight_decay=1e-2):
    """A step of AdamW with gradients clipped to norm 1, as diffusers' training scripts do."""
    optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=weight_decay)

    def step():
        loss = loss_of(unet, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def full(unet, size, batch):
    trained = list(unet.parameters())
    return {"trained": count(trained)}, optimizing(unet, trained, batch)


def sara(unet, size, batch):
    """Unstructured back-propagation (paper Eqs. 6-7), written anew: the entries of every weight below the threshold.

    The backward pass computes the dense gradient of each weight, keeps its entries at the mask and drops the rest as
    soon as it is there; AdamW runs on the entries, which are then written into the weights.
    """
    weights, masks, entries = [], [], []
    for weight in unet.parameters():
        mask = weight.detach().abs() < size["threshold"]
        weights.append(weight)
        masks.append(mask)
        entries.append(torch.nn.Parameter(weight.detach()[mask]))

    def keep_entries(index):
        def hook(weight):
            entries[index].grad = weight.grad[masks[index]]
            weight.grad = None

        return hook

    for index, weight in enumerate(weights):
        weight.register_post_accumulate_grad_hook(keep_entries(index))
    optimizer = torch.optim.AdamW(entries, lr=1e-5)

    def step():
        loss = loss_of(unet, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(entries, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for weight, mask, values in zip(weights, masks, entries):
                weight[mask] = values
        return loss.item()

    return {"trained": count(entries)}, step


NEVER = 10**9
"""A step for the official re-selection: its own default, -1, ends in an error at the first step."""


def official(unet, size, batch):
    """The authors' optim/adamw.py, used as their examples/finetune.py does; its rank loss is off, as in every row."""
    optimizer = official_optimizer(size, "adamw", unet)
    trained = optimizer.param_groups[0]["params"]
    return {"trained": count(trained)}, official_step(unet, optimizer, batch)


def official_dense(unet, size, batch):
    """The authors' optim/adamw2.py: gradients, moments and a copy of every weight, masked after the update."""
    optimizer = official_optimizer(size, "adamw2", unet.parameters())
    masked = sum(int(mask.sum()) for mask in optimizer.param_mask_groups)
    return {"trained": masked}, official_step(unet, optimizer, batch)


def official_optimizer(size, module, what):
    sys.path.insert(0, size["saraRepo"])
    optim = __import__(f"optim.{module}", fromlist=["AdamW"])
    return optim.AdamW(what, lr=1e-5, threshold=size["threshold"], progressive_iter=NEVER, lambda_rank=0)


def official_step(unet, optimizer, batch):
    """In the order of examples/finetune.py; in the unstructured mode its clipping finds no gradient and does nothing."""

    def step():
        loss = loss_of(unet, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def lt_sft(unet, size, batch):
    """LT-SFT's second phase as the paper's Fig. 5 compares it: dense gradients and moments, gradient times mask.

    No weight decay, which would move the weights outside the mask. The mask is SaRA's, so that as many entries train.
    """
    trained = list(unet.parameters())
    masks = [weight.detach().abs() < size["threshold"] for weight in trained]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.0)

    def step():
        loss = loss_of(unet, batch)
        loss.backward()
        for weight, mask in zip(trained, masks):
            weight.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return {"trained": sum(int(mask.sum()) for mask in masks)}, step


def lora(unet, size, batch):
    """PEFT's LoRA on queries, keys, values and output of every attention, as diffusers' text_to_image_lora script has it."""
    from peft import LoraConfig

    unet.requires_grad_(False)
    rank = size["loraRank"]
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    return {"trained": count(trained)}, optimizing(unet, trained, batch)


METHODS = {
    "full": full,
    "sara": sara,
    "official": official,
    "official-dense": official_dense,
    "lt-sft": lt_sft,
    "lora": lora,
}
