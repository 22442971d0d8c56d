"""The blocks of docs/databases.md, each executed where its client is installed.

pip install faiss-cpu lancedb chromadb qdrant-client
pytest -m nightly tests/inputs/test_databases.py
"""

from __future__ import annotations

import ast
import json
import pathlib
import re

import numpy as np
import pyarrow.parquet
import pytest

from gramax.data import open_embeddings, read_labels

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "databases.md"
Z = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
Z /= np.linalg.norm(Z, axis=1, keepdims=True)
Y = [f"c{k % 4}" for k in range(200)]


def faiss_index(faiss):
    index = faiss.IndexFlatIP(16)
    index.add(Z)
    faiss.write_index(index, "docs.faiss")


def lance_table(lancedb):
    rows = [{"vector": z.tolist(), "label": y} for z, y in zip(Z, Y, strict=True)]
    lancedb.connect("lance").create_table("docs", data=rows)


def chroma_collection(chromadb):
    collection = chromadb.PersistentClient("chroma").create_collection("docs")
    ids, about = [str(k) for k in range(200)], [{"label": y} for y in Y]
    collection.add(ids=ids, embeddings=Z, metadatas=about)


def qdrant_collection(qdrant_client):
    client, models = qdrant_client.QdrantClient(path="qdrant"), qdrant_client.models
    about = models.VectorParams(size=16, distance=models.Distance.COSINE)
    client.create_collection("docs", vectors_config=about)
    points = [
        models.PointStruct(id=k, vector=z.tolist(), payload={"label": y})
        for k, (z, y) in enumerate(zip(Z, Y, strict=True))
    ]
    client.upsert("docs", points)
    client.close()


KINDS = {
    "FAISS": ("faiss", faiss_index, "faiss.npy", ""),
    "LanceDB": ("lancedb", lance_table, "lance.parquet", "label"),
    "Chroma": ("chromadb", chroma_collection, "chroma.npz", "label"),
    "Qdrant": ("qdrant_client", qdrant_collection, "qdrant.json", "payload.label"),
}


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", KINDS)
def test_two_lines_make_a_file(tmp_path, monkeypatch, kind):
    client, fill, file, labels = KINDS[kind]
    module = pytest.importorskip(client)
    monkeypatch.chdir(tmp_path)
    fill(module)
    section = PAGE.read_text(encoding="utf-8").partition(f"## {kind}\n")[2]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert len(ast.parse(block).body) == 2
    names = {"numpy": np, "pyarrow": pyarrow, "json": json, "pathlib": pathlib, client: module}
    exec(block, names | {"QdrantClient": getattr(module, "QdrantClient", None)})
    source = open_embeddings(file)
    found = np.concatenate([z for _, z in source.chunks(64)])
    np.testing.assert_allclose(found, Z, atol=1e-6)
    if labels:
        codes = read_labels(labels, source, 200).codes
        assert [f"c{code}" for code in codes] == Y


def test_the_page_has_all_of_them():
    assert re.findall(r"^## (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == list(KINDS)
