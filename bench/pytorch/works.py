"""What is measured of PyTorch: each work builds its model and returns facts and a step to time."""

import torch

GEMM_SIDE = 2048


def make_unet(size):
    from diffusers import UNet2DConditionModel

    config = {key: value for key, value in size["unet"].items() if not key.startswith("_")}
    config = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    return UNet2DConditionModel(**config)


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


def forward(size):
    unet = make_unet(size)
    batch = random_batch(size, unet)

    @torch.no_grad()
    def step():
        loss_of(unet, batch).item()

    return {"parameters": count(unet.parameters())}, step


def optimizing(unet, trained, batch):
    """A step of AdamW with gradients clipped to norm 1, as diffusers' training scripts do."""
    optimizer = torch.optim.AdamW(trained, lr=1e-5)

    def step():
        loss = loss_of(unet, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def full(size):
    unet = make_unet(size)
    trained = list(unet.parameters())
    facts = {"parameters": count(trained), "trained": count(trained)}
    return facts, optimizing(unet, trained, random_batch(size, unet))


def sara(size):
    """Unstructured back-propagation (paper Eqs. 6-7): the entries of every weight below the threshold are one vector.

    The backward pass computes the dense gradient of each weight, keeps its entries at the mask and drops the rest as
    soon as it is there; AdamW runs on the entries, which are then written into the weights.
    """
    unet = make_unet(size)
    facts = {"parameters": count(unet.parameters())}
    batch = random_batch(size, unet)
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

    return {**facts, "trained": count(entries)}, step


class LoraLinear(torch.nn.Module):
    """y = W x + B A x with W frozen, A [r, in] and B [out, r]."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, rank, bias=False)
        self.up = torch.nn.Linear(rank, base.out_features, bias=False)
        torch.nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def lora(size):
    """LoRA on queries, keys, values and output of every attention, as PEFT adds it to a diffusers UNet."""
    unet = make_unet(size)
    total = count(unet.parameters())
    unet.requires_grad_(False)
    attentions = [module for name, module in unet.named_modules() if name.endswith(("attn1", "attn2"))]
    for attention in attentions:
        for name in ("to_q", "to_k", "to_v"):
            setattr(attention, name, LoraLinear(getattr(attention, name), size["loraRank"]))
        attention.to_out[0] = LoraLinear(attention.to_out[0], size["loraRank"])
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    facts = {"parameters": total, "trained": count(trained)}
    return facts, optimizing(unet, trained, random_batch(size, unet))


def gemm(_size):
    a, b = torch.rand(GEMM_SIDE, GEMM_SIDE), torch.rand(GEMM_SIDE, GEMM_SIDE)
    return {"flops": 2 * GEMM_SIDE**3}, lambda: a @ b


def rank(size):
    """The nuclear norm's subgradient U V^T by singular value decomposition, for a matrix of each shape."""
    matrices = []
    for matrix in size["rankMatrices"]:
        values = (torch.rand(matrix["shape"]) - 0.5) * 4e-3
        matrices.append(values * (torch.rand(matrix["shape"]) < size["rankShare"]))
    remaining = iter(matrices)

    def step():
        u, _, vh = torch.linalg.svd(next(remaining), full_matrices=False)
        u @ vh

    counts = {"warmUp": 0, "steps": len(matrices)}
    return {"weights": [matrix["count"] for matrix in size["rankMatrices"]], "counts": counts}, step


WORKS = {"forward": forward, "full": full, "sara": sara, "lora": lora, "rank": rank, "gemm": gemm}
