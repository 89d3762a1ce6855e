"""Where the files are that are no Python: beside the packages, or installed with them."""

from pathlib import Path
from typing import Final

_BESIDE: Final = Path(__file__).resolve().parent.parent
#: Where setup.py installs them.
_INSTALLED: Final = _BESIDE / "idp" / "shipped"
IS_INSTALLED: Final = _INSTALLED.is_dir()
#: The parent of `templates`, `static`, `locale` and `examples`.
SHIPPED: Final = _INSTALLED if IS_INSTALLED else _BESIDE
#: The parent of files that no setting names: the checkout, or the working directory.
DATA: Final = Path.cwd() if IS_INSTALLED else _BESIDE
