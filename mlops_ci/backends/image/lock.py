"""The Python packages of an image, every one by version and hash: the user's own, and what serves the model beside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_ci.backends.image.base import Base
from mlops_ci.backends.uv_environments import does_not_fit, unsolved, uv_binary
from mlops_ci.errors import BackendError, ConfigError
from mlops_ci.io import files, process
from mlops_ci.ports.building import Described
from mlops_ci.ports.user_code import for_user_code

UV_LIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)  # the minor versions of the C library that uv knows
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?==[^\s;]+")
INDEX = re.compile(r"^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b.*$", re.MULTILINE)
SECONDS = 1800.0
DOCS = "build.md#requirements"
CURES = (
    "every package needs a wheel for the Python and the C library of the base image",
    "check that the package index can be reached",
)
PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, kw_only=True)
class Locker:
    """Asks uv, on the host and for the image. `home` gets its files."""

    home: Path
    environ: Mapping[str, str]

    def lock(self, described: Described, base: Base, extra: Sequence[str], pip: str) -> None:
        """Write `requirements.txt`, which names every package of the image with its hashes, `pip.txt`, which names what
        installs them, and `index.txt`: where the user's files say that packages come from.

        Raises ConfigError for what has no wheel or no hash, BackendError where uv finds no versions that fit.
        """
        first = described.folder / described.files[0]
        given = self.home / "given.txt"
        if any(PurePosixPath(name).name == "uv.lock" for name in described.files):
            words: list[str | Path] = [
                "export",
                "--frozen",
                "--no-emit-project",
                "--no-hashes",
                "--project",
                first.parent,
            ]
            self._uv([*words, "--output-file", given], first.parent)
            sources: list[Path] = [given]
        else:
            self._compile([first], given, base, first.parent)
            sources = [given, first]  # said again for the index it names
        files.write_text(self.home / "extra.in", "".join(f"{item}\n" for item in extra))
        locked = self.home / "requirements.txt"
        self._compile([*sources, self.home / "extra.in"], locked, base, first.parent, "--generate-hashes", beside=extra)
        _require_pins(locked.read_text("utf-8"), described.files[0])
        files.write_text(self.home / "pip.in", f"{pip}\n")
        self._compile([self.home / "pip.in"], self.home / "pip.txt", base, first.parent, "--generate-hashes")
        texts = [(described.folder / name).read_text("utf-8", "replace") for name in described.files]
        files.write_text(
            self.home / "index.txt", "".join(f"{line}\n" for text in texts for line in INDEX.findall(text))
        )

    def _compile(
        self, sources: Sequence[Path], into: Path, base: Base, cwd: Path, *more: str, beside: Sequence[str] = ()
    ) -> None:
        words: list[str | Path] = ["pip", "compile", "--no-header", "--no-annotate", "--only-binary", ":all:"]
        words += ["--python-version", base.python, "--python-platform", uv_platform(base), "--no-strip-extras"]
        self._uv([*words, *more, *sources, "--output-file", into], cwd, beside)

    def _uv(self, words: Sequence[str | Path], cwd: Path, beside: Sequence[str] = ()) -> None:
        """Run uv. `beside` is what must fit what was decided before."""
        allowed = for_user_code(self.environ)  # a project whose metadata is dynamic runs its own code
        env = {key: value for key, value in allowed.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        done = process.run([uv_binary(), *words, "--quiet"], cwd=cwd, env=env, timeout=SECONDS)
        if done.code == 0:
            return
        lines = without_passwords(done.stderr).splitlines()[-20:]
        if beside and unsolved(lines):
            raise does_not_fit(", ".join(beside), lines)
        raise BackendError("the packages of the image could not be locked", hint="\n".join([*lines, *CURES]), docs=DOCS)


def uv_platform(base: Base) -> str:
    """The platform as uv names it: the newest C library that both it and the base image know."""
    minor = next(item for item in UV_LIBC if (2, item) <= base.libc)
    return f"{base.machine}-manylinux_2_{minor}"


def pip_platforms(base: Base) -> list[str]:
    """Every platform whose wheels run on the base image, the newest first, as pip names them."""
    newest = [f"manylinux_2_{minor}_{base.machine}" for minor in range(base.libc[1], 4, -1)]
    return [*newest, *(f"{old}_{base.machine}" for old in ("manylinux2014", "manylinux2010", "manylinux1", "linux"))]


def without_passwords(text: str) -> str:
    """The text, and of every URL in it only what may be shown."""
    return PASSWORD.sub("", text)


def _require_pins(locked: str, name: str) -> None:
    """A folder, a repository or an address has no hash that an image could be held to."""
    for line in locked.splitlines():
        if line and not line.startswith((" ", "\t", "#")) and not PINNED.match(line):
            asked = without_passwords(line.partition(" --hash")[0].rstrip(" \\"))
            raise ConfigError(
                f"'{name}' asks for '{asked}', which no index vouches for by hash",
                hint="put it into a package index as a wheel, and name it by version",
                docs=DOCS,
            )
