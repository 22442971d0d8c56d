"""The blocks of docs/training.md and docs/pytorch.md that need large frameworks, executed."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
BLOCKS = {
    section.partition("\n")[0]: block
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)
    for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
}
"""By the heading above; what is in `{code-cell}`s is executed when the docs are built."""

PYTORCH = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "pytorch.md").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)
"""Every block of that page goes on from the one before."""

warnings_aside = pytest.mark.filterwarnings("ignore")  # the frameworks' own
NUMBER = "effective_rank"


def execute(heading, **names):
    """The names after the block, which starts with these."""
    exec(compile(BLOCKS[heading], f"docs/training.md, {heading}", "exec"), names)
    return names


def digits():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 10
    return (rng.normal(size=(10, 8))[y] + 0.3 * rng.normal(size=(60, 8))).astype(np.float32), y


def test_every_block_of_the_page_is_executed_here():
    assert set(BLOCKS) == {"Lightning", "Hugging Face Trainer", "Keras 3"}
    assert PAGE.count("```python\n") == len(BLOCKS)


@pytest.mark.nightly
@warnings_aside
def test_lightning(tmp_path, monkeypatch):
    import lightning
    import torch

    from gramax.audits.run_reader import read_runs

    class Net(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.encoder = torch.nn.Linear(8, 8)

        def validation_step(self, batch, index):
            self.encoder(batch[0])

    monkeypatch.chdir(tmp_path)
    names = execute("Lightning")
    rows = torch.utils.data.TensorDataset(*map(torch.from_numpy, digits()))
    names["trainer"].validate(Net(), torch.utils.data.DataLoader(rows, batch_size=16))
    names["sink"].close()
    assert f"latent/val/{NUMBER}" in names["trainer"].callback_metrics
    assert set(read_runs("run.jsonl")) == {"val"}


@pytest.mark.nightly
@warnings_aside
def test_hugging_face(tmp_path):
    import transformers

    shape = transformers.BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        num_labels=5,
    )
    rows = [{"input_ids": [1, 2 + k, 2 + k % 7], "labels": k % 5} for k in range(20)]
    arguments = transformers.TrainingArguments(
        str(tmp_path),
        max_steps=1,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    model = transformers.BertForSequenceClassification(shape)
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows)
    execute("Hugging Face Trainer", trainer=trainer)
    assert any(f"latent/eval/{NUMBER}" in line for line in trainer.state.log_history)


@pytest.mark.nightly
@warnings_aside
def test_keras():
    import keras

    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8, name="features"),
            keras.layers.Dense(10),
        ]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = digits()
    execute("Keras 3", model=model, x=x, y=y, x_val=x, y_val=y)
    assert len(model.history.history[f"latent/val/{NUMBER}"]) == 10


@pytest.mark.nightly
@warnings_aside
def test_plain_pytorch(tmp_path, monkeypatch, capsys):
    from gramax.audits.run_reader import read_runs

    monkeypatch.chdir(tmp_path)
    names = {}
    for number, block in enumerate(PYTORCH):
        exec(compile(block, f"docs/pytorch.md, block {number}", "exec"), names)
    assert [one["effective_rank"] > 1 for one in names["history"]] == [True] * 3
    assert names["report"].n == float(names["collector"].moments.total) == 397
    assert "effective rank" in capsys.readouterr().out
    assert [len(entries) for entries in read_runs("run.jsonl").values()] == [2]
