"""What is measured of PyTorch: each work returns facts, a step to time and, if any, what else is measured after it."""

import time

import torch

from methods import METHODS
from sampling import sample
from unet import count, loss_of, make_unet, random_batch

GEMM_SIDE = 2048


def forward(size):
    unet = make_unet(size)
    batch = random_batch(size, unet)

    @torch.no_grad()
    def step():
        loss_of(unet, batch).item()

    return {"parameters": count(unet.parameters())}, step, None


def training(method):
    def work(size):
        unet = make_unet(size)
        parameters = count(unet.parameters())
        facts, step = method(unet, size, random_batch(size, unet))
        return {"parameters": parameters, **facts}, step, None

    return work


def start(method):
    """From a checkpoint on disk to the end of the first step, of which there is one; imports are in no part."""

    def work(size):
        from diffusers import UNet2DConditionModel

        before = time.perf_counter()
        unet = UNet2DConditionModel.from_pretrained(size["checkpoint"], torch_dtype=torch.float32)
        unet.train()
        loaded = time.perf_counter()
        facts, step = method(unet, size, random_batch(size, unet))
        selected = time.perf_counter()
        parts = {"load": loaded - before, "select": selected - loaded}
        return {**facts, "counts": {"warmUp": 0, "steps": 1}}, step, lambda: parts

    return work


def gemm(_size):
    a, b = torch.rand(GEMM_SIDE, GEMM_SIDE), torch.rand(GEMM_SIDE, GEMM_SIDE)
    return {"flops": 2 * GEMM_SIDE**3, "counts": {"warmUp": 5, "steps": 30}}, lambda: a @ b, None


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
    return {"weights": [matrix["count"] for matrix in size["rankMatrices"]], "counts": counts}, step, None


WORKS = {
    "gemm": gemm,
    "forward": forward,
    "rank": rank,
    "sample": sample,
    **{name: training(method) for name, method in METHODS.items()},
    **{f"start-{name}": start(method) for name, method in METHODS.items()},
}
