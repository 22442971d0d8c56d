"""Headers of .npy and members of .npz that lie, or hold no embeddings."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from gramax.data import open_embeddings


def npy_header(text: str, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin1")


def npy_bytes(array, **options) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz_bytes(members, compression=zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def test_flipped_data_in_an_archive_is_noticed(refused, tmp_path):
    """Zip keeps a checksum, and it is looked at: no wrong number comes out of a damaged .npz."""
    data = bytearray(npz_bytes([("z.npy", npy_bytes(np.eye(12)))]))
    data[600] ^= 1
    (tmp_path / "emb.npz").write_bytes(data)
    refused(tmp_path / "emb.npz", "CRC")


SHAPE = "{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
EYE = npy_bytes(np.eye(3))


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros(5), r"matrix \[rows, columns\]; got float64 \[5\]"),
        (np.zeros((2, 3, 4)), r"got float64 \[2, 3, 4\]"),
        (np.float64(3), r"got float64 \[\]"),
        (np.zeros((0, 3)), "has no rows"),
        (np.zeros((3, 0)), "has no columns"),
        (np.zeros((3, 2), bool), "embeddings must be integers, .* got bool"),
        (np.zeros((3, 2), complex), "got complex128"),
        (np.zeros((3, 2), "U4"), "got str128"),
        (np.zeros((3, 2), "M8[s]"), "got datetime64"),
        (np.zeros((3, 2), [("a", "f4")]), "got void32"),
        (np.array([[{}], [3]], object), r"Python objects \(a pickle\)"),
        (np.zeros((1, (1 << 20) + 1), np.int8), "has 1048577 columns"),
    ],
)
@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_arrays_that_are_no_embeddings(refused, tmp_path, extension, array, why):
    file = tmp_path / f"emb.{extension}"
    (np.save if extension == "npy" else np.savez)(file, array)
    refused(file, why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            SHAPE.format(descr="'<f4'", shape="(1000000000000, 768)"),
            r"holds \d+ bytes, but declares \d+",
        ),
        (SHAPE.format(descr="'<f4'", shape=f"({10**300}, 2)"), "beyond 64 bits"),
        (SHAPE.format(descr="'<f4'", shape="(-1, 2)"), "length below 0"),
        (
            SHAPE.format(descr="'<f4'", shape=str((2**62,) * 64)),
            r"holds \d+ bytes, but declares \d+",
        ),
        (SHAPE.format(descr="'<f4'", shape=str((2**62,) * 65)), "declares 65 axes"),
        (SHAPE.format(descr="'<f4'", shape="(1.5, 2)"), "not a readable .npy"),
        (SHAPE.format(descr="'<f4'", shape="(nan, 2)"), "not a readable .npy"),
        (SHAPE.format(descr="'<f4'", shape="(True, False)"), "holds|no columns"),
        (SHAPE.format(descr="'|O'", shape="(2, 2)"), "Python objects"),
        (SHAPE.format(descr="[('a', '|O')]", shape="(2, 2)"), "Python objects"),
        (SHAPE.format(descr="'<V99999999999'", shape="(2, 2)"), "not a readable|holds"),
        (SHAPE.format(descr="('<f4', (1000000,))", shape="(2, 2)"), "not a readable|holds"),
        (SHAPE.format(descr="'\x1b[31m'", shape="(2, 2)"), "not a readable .npy"),
        (SHAPE.format(descr="'<f16'", shape="(1, 1)"), "got float128|not a readable|holds"),
        ("{" * 5000, "not a readable .npy"),
        ("(" * 5000 + ")" * 5000, "not a readable .npy"),
        ("__import__('os').abort()", "not a readable .npy"),
        ("", "not a readable .npy"),
    ],
)
@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_of_npy(refused, tmp_path, text, why, version):
    file = tmp_path / "emb.npy"
    file.write_bytes(npy_header(text, version) + bytes(16))
    refused(file, why)


def test_a_long_header_is_not_read(refused, tmp_path):
    file = tmp_path / "emb.npy"
    file.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(50))
    refused(file, "declares a header of 4294967295 bytes")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_header_are_read(tmp_path, version):
    with open(tmp_path / "emb.npy", "wb") as stream:
        np.lib.format.write_array(stream, np.eye(3), version=version)
    (_, chunk), *_ = open_embeddings(tmp_path / "emb.npy").chunks(9)
    np.testing.assert_array_equal(chunk, np.eye(3))


@pytest.mark.parametrize("more", [b"\0", npy_bytes(np.eye(2))])
def test_bytes_after_the_array(refused, tmp_path, more):
    (tmp_path / "emb.npy").write_bytes(npy_bytes(np.eye(3)) + more)
    refused(tmp_path / "emb.npy", "bytes, but declares")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pickle.dumps([1]), "but a pickle, and pickles are not read"),
        (npz_bytes([("z.npy", b"")]), "but a zip archive"),
        (b"PAR1" + bytes(50), "but a parquet file"),
    ],
)
def test_another_format_under_the_name_npy(refused, tmp_path, data, why):
    (tmp_path / "emb.npy").write_bytes(data)
    refused(tmp_path / "emb.npy", why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (npz_bytes([]), "has no matrix of real numbers; it is empty"),
        (npz_bytes([("readme.txt", b"hello")]), "it is empty"),
        (npz_bytes([("z.npy", b"hello")]), "::z: is not a .npy file"),
        (npz_bytes([("z.npy", EYE + bytes(1000))]), "::z: holds 1200 bytes, but declares 200"),
        (npz_bytes([("z.npy", EYE[:-1])]), "::z: holds 199 bytes, but declares 200"),
        (npz_bytes([("z.npy", EYE)], zipfile.ZIP_BZIP2), "compressed by a method"),
        (npz_bytes([("z.npy", EYE)], zipfile.ZIP_LZMA), "compressed by a method"),
        (npz_bytes([("z.npy", EYE)]).replace(bytes(8), b"\xff" * 8, 1), "not a readable"),
        (npz_bytes([("\x1b[2J.npy", npy_bytes(np.eye(3)[0]))]), r"::\\x1b\[2J: embeddings"),
    ],
)
def test_archives(refused, tmp_path, data, why):
    (tmp_path / "emb.npz").write_bytes(data)
    refused(tmp_path / "emb.npz", why)


def test_two_members_of_one_name(refused, tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        data = npz_bytes([("z.npy", EYE), ("z.npy", EYE)])
    (tmp_path / "emb.npz").write_bytes(data)
    refused(tmp_path / "emb.npz", "two members named z.npy")


def test_a_path_trick_in_an_archive_is_just_a_name(tmp_path):
    (tmp_path / "emb.npz").write_bytes(npz_bytes([("../../evil.npy", EYE)]))
    assert open_embeddings(tmp_path / "emb.npz").rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["emb.npz"]
