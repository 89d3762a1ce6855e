"""Re-encode untrusted pictures.

They are decoded in a process of their own with little memory and time, so that a decompression bomb
or a decoder's crash ends there. This file is what that process runs; it imports none of our
modules.
"""

import io
import subprocess
import sys
from contextlib import suppress

#: Formats that are read. Never SVG, which can have scripts.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
#: Width times height that a picture may claim before it is decoded.
MOST_PIXELS = 2048 * 2048
#: Width and height that it has at most when it leaves.
MOST_SIDE = 128
#: Seconds of the process's time, of the processor and of the clock.
_CPU_SECONDS = 2
_SECONDS = 5
_MEMORY = 512 * 1024 * 1024


class UnusablePictureError(Exception):
    """This is no picture that can be shown."""


def reencoded(data: bytes) -> bytes:
    """Return a picture as a PNG of at most MOST_SIDE pixels a side, with its pixels only.

    Animations are reduced to the first frame. Raises UnusablePictureError.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-I", __file__],
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
        raise UnusablePictureError("It is no PNG, JPEG, WebP or GIF, or too large.")
    return child.stdout


def _bound_process() -> None:
    """Limit this process's resources, if the system supports it."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _decoded(data: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        picture.draft("RGB", (MOST_SIDE, MOST_SIDE))
        pixels = picture.convert("RGBA")
    pixels.thumbnail((MOST_SIDE, MOST_SIDE))
    made, plain = io.BytesIO(), Image.new("RGBA", pixels.size)
    plain.paste(pixels)  # the pixels alone: no text, profile or date comes along
    plain.save(made, "PNG", optimize=True)
    return made.getvalue()


if __name__ == "__main__":
    _bound_process()
    sys.stdout.buffer.write(_decoded(sys.stdin.buffer.read()))
