"""Sequential: layers one after the other."""

from collections.abc import Iterator
from typing import Any

from cuarzo.nn.module import Module


class Layers(Module):
    """A list of layers, named `0`, `1` ... in state_dict; what becomes of them a subclass says."""

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"{type(self).__name__}: layer {i} is a {type(layer).__name__}, expected a Module")
        self.layers = list(layers)

    def _held(self) -> Iterator[tuple[str, Any]]:
        return ((name.removeprefix("layers."), value) for name, value in super()._held())

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __getitem__(self, key: Any) -> Module:
        return self.layers[key]


class Sequential(Layers):
    """Each layer acts on the result of the one before. Named `0`, `1` ... in state_dict. Slices are Sequential too."""

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __getitem__(self, key: int | slice) -> Module:
        return Sequential(*self.layers[key]) if isinstance(key, slice) else self.layers[key]
