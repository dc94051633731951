"""What training has been through, one row an epoch."""

import json
from dataclasses import asdict, dataclass, field, fields

from cuarzo.storage import write_text


@dataclass(frozen=True)
class Epoch:
    """Means over one epoch. The training values are taken while the weights move, the validation values after it.

    An accuracy is None for a model without classes, a validation value where there was none.
    """

    epoch: int
    train_loss: float
    train_accuracy: float | None
    valid_loss: float | None
    valid_accuracy: float | None
    lr: float
    seconds: float


@dataclass
class History:
    """The epochs of a run so far; `key`: the Philox key of the order in which samples came."""

    epochs: list[Epoch] = field(default_factory=list)
    key: int | None = None

    def __len__(self) -> int:
        return len(self.epochs)

    def column(self, name: str) -> list:
        """One value an epoch: `column("valid_loss")`."""
        return [getattr(epoch, name) for epoch in self.epochs]

    @property
    def best_epoch(self) -> int:
        """The epoch (from 1; 0 if there is none) with the smallest validation loss; the first of equals."""
        losses = self.column("valid_loss")
        if not losses or losses[-1] is None:
            return len(losses)
        return losses.index(min(losses)) + 1

    def to_json(self) -> str:
        """Floats are written so that they come back bit for bit."""
        return json.dumps([asdict(epoch) for epoch in self.epochs])

    def load_json(self, text: str) -> None:
        self.epochs = [Epoch(**row) for row in json.loads(text)]

    def write_csv(self, path) -> None:
        """One line an epoch; a value that does not exist is left empty."""
        rows = [",".join(f.name for f in fields(Epoch))]
        for epoch in self.epochs:
            rows.append(",".join("" if value is None else repr(value) for value in asdict(epoch).values()))
        write_text(path, "\n".join(rows) + "\n")
