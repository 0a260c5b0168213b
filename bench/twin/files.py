"""The names of docs/model.md, which are those of a Go checkpoint's model.safetensors."""

import torch
from safetensors.torch import load_file, save_file
from torch import nn

RENAMED = {"attention.ahead": "attention.forward", "attention.back": "attention.backward"}


def file_name(name: str) -> str:
    """The parameter's name in files."""
    for ours, theirs in RENAMED.items():
        name = theirs.join(name.rsplit(ours, 1)) if name.endswith(ours) else name
    return name


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by their name in files."""
    return {file_name(name): parameter for name, parameter in model.named_parameters()}


@torch.no_grad()
def load(model: nn.Module, path) -> None:
    """Fills the model from a safetensors file; names and shapes must be the same."""
    stored, wanted = load_file(path), named_parameters(model)
    if missing := sorted(stored.keys() ^ wanted.keys()):
        raise ValueError(f"{path}: not in both the file and the model: {', '.join(missing)}")
    for name, parameter in wanted.items():
        if stored[name].shape != parameter.shape:
            raise ValueError(f"{path}: {name} is {tuple(stored[name].shape)}, wanted {tuple(parameter.shape)}")
        parameter.copy_(stored[name])


def save(model: nn.Module, path) -> None:
    """Writes the parameters in float32."""
    save_file({n: p.detach().float().cpu().contiguous() for n, p in named_parameters(model).items()}, path)
