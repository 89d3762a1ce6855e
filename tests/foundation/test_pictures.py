"""Pictures are decoded and made anew; what is no picture, or a trap, is refused."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from foundation.pictures import PORTRAIT_SIDE, UnusablePictureError, reencoded


def encoded(
    form: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object
) -> bytes:
    made = io.BytesIO()
    Image.new(mode, size, "red").save(made, form, **options)
    return made.getvalue()


def portrait(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(reencoded(data, "portrait")))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(64, 48), (1, 900), (2000, 1500)])
def test_a_portrait_is_a_square_jpeg(form: str, size: tuple[int, int]) -> None:
    picture = portrait(encoded(form, size))
    assert (picture.format, picture.size) == ("JPEG", (PORTRAIT_SIDE, PORTRAIT_SIDE))


def test_a_portrait_has_its_pixels_only() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif[0x8825] = {2: (52.0, 31.0, 0.0)}
    data = encoded("JPEG", exif=exif, comment=b"secret words")
    made = reencoded(data, "portrait")
    assert b"secret" not in made
    assert not Image.open(io.BytesIO(made)).getexif()


def test_a_portrait_is_turned_upright() -> None:
    lying = Image.new("RGB", (40, 40), "red")
    lying.paste("blue", (0, 0, 20, 40))  # the left half: on top once it is turned clockwise
    exif, made = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    lying.save(made, "JPEG", exif=exif)
    upright = portrait(made.getvalue())
    assert upright.getpixel((256, 50))[2] > 200
    assert upright.getpixel((256, 460))[0] > 200


def test_transparency_becomes_white() -> None:
    picture = portrait(encoded("PNG", mode="RGBA").replace(b"", b""))
    assert picture.mode == "RGB"
    clear = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(clear, "PNG")
    assert min(portrait(clear.getvalue()).getpixel((0, 0))) > 250


def test_an_animation_is_reduced_to_its_first_frame() -> None:
    made = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(made, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    picture = portrait(made.getvalue())
    assert getattr(picture, "n_frames", 1) == 1
    assert picture.getpixel((0, 0))[0] > 200


def bomb() -> bytes:
    """A PNG of a few kilobytes that claims 20,000 pixels a side."""
    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 20_001 * 200)
    parts = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SVG,
        b"\xff\xd8\xff\xe0 no more",
        b"%PDF-1.7",
        b"GIF89a" + SVG,
        encoded("PNG")[:60],
        encoded("JPEG", (500, 500))[:200],
        encoded("GIF"),
        encoded("BMP"),
        encoded("TIFF"),
        encoded("ICO"),
    ],
    ids=[
        "empty",
        "svg",
        "marker",
        "pdf",
        "polyglot",
        "cut",
        "cut-jpeg",
        "gif",
        "bmp",
        "tiff",
        "ico",
    ],
)
def test_what_is_no_portrait_is_refused(data: bytes) -> None:
    with pytest.raises(UnusablePictureError):
        reencoded(data, "portrait")


@pytest.mark.parametrize("made", [bomb, lambda: encoded("PNG", (6000, 6000), "L")])
def test_more_pixels_than_a_camera_has_are_refused(made: Callable[[], bytes]) -> None:
    with pytest.raises(UnusablePictureError):
        reencoded(made(), "portrait")


@pytest.mark.parametrize("appended", [SVG, b"<?php system($_GET[0]); ?>", b"PK\x03\x04 a jar"])
def test_what_is_hidden_behind_a_picture_does_not_come_along(appended: bytes) -> None:
    made = reencoded(encoded("PNG") + appended, "portrait")
    assert appended not in made
