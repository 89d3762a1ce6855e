"""Re-encode untrusted pictures.

They are decoded in a process of their own with little memory and time, so that a decompression bomb
or a decoder's crash ends there. This file is what that process runs; it imports none of our
modules.
"""

import io
import subprocess
import sys
from contextlib import suppress
from typing import Any, Literal

#: Where logos and marks are served, by their digest.
LOGO_PATH = "/logo"
#: What a picture is for: an app's logo, or a user's picture.
Purpose = Literal["logo", "portrait"]
#: Formats that are read. Never SVG, which can have scripts.
FORMATS: dict[Purpose, tuple[str, ...]] = {
    "logo": ("PNG", "JPEG", "WEBP", "GIF"),
    "portrait": ("PNG", "JPEG", "WEBP"),
}
#: Width times height that a picture may claim before it is decoded. Portraits come from cameras.
MOST_PIXELS: dict[Purpose, int] = {"logo": 2048 * 2048, "portrait": 24 * 1024 * 1024}
#: Width and height that a logo has at most when it leaves, and that every portrait has.
MOST_SIDE = 128
PORTRAIT_SIDE = 512
#: Seconds of the process's time, of the processor and of the clock.
_CPU_SECONDS = 2
_SECONDS = 5
_MEMORY = 512 * 1024 * 1024


class UnusablePictureError(Exception):
    """This is no picture that can be shown."""


def reencoded(data: bytes, purpose: Purpose = "logo") -> bytes:
    """Return a picture with its pixels only: no text, profile, place or date comes along.

    A logo is a PNG of at most MOST_SIDE pixels a side; a portrait is a JPEG of PORTRAIT_SIDE pixels
    a side, turned upright and cut to a square. Animations are reduced to the first frame. Raises
    UnusablePictureError.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-I", __file__, purpose],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnusablePictureError("It takes too long to decode.") from None
    except OSError:
        raise UnusablePictureError("No process can be started to decode it.") from None
    if child.returncode != 0:
        known = ", ".join(FORMATS[purpose])
        raise UnusablePictureError(f"It is none of {known}, or too large.")
    return child.stdout


def _bound_process() -> None:
    """Limit this process's resources, if the system supports it."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _decoded(data: bytes, purpose: Purpose) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS[purpose]) as picture:
        if picture.width * picture.height > MOST_PIXELS[purpose]:
            raise ValueError("too many pixels")
        return _logo(picture) if purpose == "logo" else _portrait(picture)


def _logo(picture: Any) -> bytes:
    from PIL import Image

    picture.draft("RGB", (MOST_SIDE, MOST_SIDE))
    pixels = picture.convert("RGBA")
    pixels.thumbnail((MOST_SIDE, MOST_SIDE))
    plain = Image.new("RGBA", pixels.size)
    plain.paste(pixels)
    return _encoded(plain, "PNG", optimize=True)


def _portrait(picture: Any) -> bytes:
    from PIL import Image, ImageOps

    side = (PORTRAIT_SIDE, PORTRAIT_SIDE)
    picture.draft("RGB", side)
    pixels = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGBA"), side)
    plain = Image.new("RGB", side, "white")  # JPEG has no transparency, and every app reads JPEG
    plain.paste(pixels, mask=pixels)
    return _encoded(plain, "JPEG", quality=85, optimize=True)


def _encoded(picture: Any, form: str, **options: Any) -> bytes:
    made = io.BytesIO()
    picture.save(made, form, **options)
    return made.getvalue()


if __name__ == "__main__":
    _bound_process()
    purpose: Any = sys.argv[1]
    sys.stdout.buffer.write(_decoded(sys.stdin.buffer.read(), purpose))
