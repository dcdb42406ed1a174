"""The wheels of an image: fetched once on the host, hash by hash, and kept. No index's password reaches a build."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mlops_ci.backends.image.base import Base
from mlops_ci.backends.image.lock import DOCS, Locker, pip_platforms, without_passwords
from mlops_ci.backends.image.sbom import packages_of
from mlops_ci.errors import BackendError, MissingExtra
from mlops_ci.io import files, process
from mlops_ci.ports.building import Described
from mlops_ci.ports.say import Say
from mlops_ci.ports.user_code import for_user_code

MARKER = ".complete"
SECONDS = 3600.0
FORMAT = 1  # of what is kept; another one is fetched anew


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What one environment is made of, in a folder named by what decides it: `wheels/` with its requirements.txt, and
    `sbom.json`. `pip` is the name of pip's own wheel."""

    key: str
    folder: Path
    pip: str

    @property
    def wheels(self) -> Path:
        """The wheels, pip's among them, and the requirements.txt that lists all but pip's with their hashes."""
        return self.folder / "wheels"

    def sbom(self) -> dict[str, object]:
        """The packages as a CycloneDX document."""
        found: dict[str, object] = json.loads((self.folder / "sbom.json").read_text("utf-8"))
        return found


@dataclass(frozen=True, kw_only=True)
class WheelShelf:
    """Keeps wheels below `cache`, for any number of builds at once."""

    cache: Path
    environ: Mapping[str, str]

    def wheels(self, described: Described, base: Base, extra: Sequence[str], *, say: Say) -> Kept:
        """Find or fetch. What is half fetched was killed, and is fetched again. Raises as Locker.lock does, and
        BackendError where a wheel can't be had, or is not the one that its hash says."""
        contents = [(name, (described.folder / name).read_bytes().hex()) for name in sorted(described.files)]
        about = [FORMAT, described.files[0], contents, list(extra), base.minor, base.machine, base.libc]
        key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
        home = self.cache / key
        with files.lock(self.cache / f"{key}.lock", busy="", wait=True):
            if not (home / MARKER).exists():
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir(parents=True)
                self._fetch(home, described, base, extra, say)
        return Kept(key=key, folder=home, pip=(home / MARKER).read_text("utf-8"))

    def _fetch(self, home: Path, described: Described, base: Base, extra: Sequence[str], say: Say) -> None:
        pip = _installed("pip")
        say(f"locking {described.files[0]} for Python {base.minor} on {base.machine}")
        Locker(home=home, environ=self.environ).lock(described, base, extra, f"pip=={pip}")
        say("fetching the wheels (kept for next time)")
        for name in ("requirements.txt", "pip.txt"):
            self._download(home, name, base)
        wheels = home / "wheels"
        shutil.copyfile(home / "requirements.txt", wheels / "requirements.txt")
        files.write_json(home / "sbom.json", packages_of(wheels, scratch=home / "described"))
        shutil.rmtree(home / "described")
        files.write_text(home / MARKER, next(path.name for path in wheels.glob("pip-*.whl")))

    def _download(self, home: Path, name: str, base: Base) -> None:
        """Exactly the wheels of a list: pip resolves nothing, builds nothing, and refuses another hash."""
        asked = home / f"fetch-{name}"
        files.write_text(asked, (home / "index.txt").read_text("utf-8") + (home / name).read_text("utf-8"))
        words = [process.own_python(), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        words += ["--require-hashes", "--disable-pip-version-check", "--no-input", "--implementation", "cp"]
        words += ["--python-version", base.minor, *(f"--platform={item}" for item in pip_platforms(base))]
        words += [f"--abi={item}" for item in (f"cp{base.minor.replace('.', '')}", "abi3", "none")]
        words += ["--dest", str(home / "wheels"), "--requirement", str(asked)]
        done = process.run(words, cwd=home, env=self._environ(), timeout=SECONDS)
        asked.unlink()
        if done.code != 0:
            lines = without_passwords(done.stderr).splitlines()[-20:]
            hint = "\n".join([*lines, "check that the package index can be reached, and has wheels for Linux"])
            raise BackendError("the image's packages could not be fetched", hint=hint, docs=DOCS)

    def _environ(self) -> dict[str, str]:
        """uv found the versions; pip is to look where uv did."""
        allowed = for_user_code(self.environ)
        env = {key: value for key, value in allowed.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        for name, others in (
            ("PIP_INDEX_URL", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
            ("PIP_EXTRA_INDEX_URL", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
        ):
            given = next((env[other] for other in others if env.get(other)), "")
            if given:
                env.setdefault(name, given)
        return env


def _installed(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        raise MissingExtra("deploy", library) from None
