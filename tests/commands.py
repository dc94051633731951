"""`cuarzo train` called from tests, and what it leaves in a folder."""

import json
from pathlib import Path

from typer.testing import CliRunner

from cuarzo.cli import app
from cuarzo.storage import load_arrays

FILES = {"history.csv", "curves.png", "filters.png", "confusion.png", "model.safetensors", "run.json"}
BEGIN = {"settings.json", "checkpoint.safetensors"}


def cuarzo(*arguments, code=0):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


def model_of(folder):
    return {name: array.tobytes() for name, array in load_arrays(f"{folder}/model.safetensors")[0].items()}


def record(folder):
    return json.loads(Path(folder, "run.json").read_text())
