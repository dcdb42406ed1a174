"""The server's own files, put together in a folder that goes on `PYTHONPATH` of the user's interpreter."""

from __future__ import annotations

import shutil
from pathlib import Path

REQUIREMENTS = ("kserve==0.21.*",)  # what serves, beside what the user's model needs
PACKAGE = Path(__file__).parents[1]
SHARED = ("__init__.py", "errors.py", "digests/__init__.py", "digests/directory.py")


def copy_into(folder: Path) -> Path:
    """Copy all that `python -m mlops_ci.serving` needs into `folder`, which may exist, and return it.

    The files are plain Python of the standard library and of the server's requirements; the same ones serve locally
    and in an image. Raises OSError where the folder is not writable.
    """
    into = folder / PACKAGE.name
    for name in (*SHARED, *_own()):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, target)
    return folder


def _own() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in Path(__file__).parent.glob("*.py"))
