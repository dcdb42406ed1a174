"""The user's Python environments, built with uv and kept by content hash."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci.errors import BackendError, ConfigError, MissingExtra
from mlops_ci.io import files as whole
from mlops_ci.io import process
from mlops_ci.ports.say import Say
from mlops_ci.ports.training import Interpreter
from mlops_ci.ports.user_code import for_user_code

MARKER = ".complete"
NAME = re.compile(r"[=<>!~\[; ]")  # what ends a package's name in a requirement
LISTED = ("+ ", "- ", "~ ")  # each package that came or went: in the log, and too long for a terminal
BUILD_TIMEOUT = 3600.0
VERSION = "import sys; print('.'.join(map(str, sys.version_info[:3])))"


@dataclass(frozen=True, kw_only=True)
class UvEnvironments:
    """Keeps the Environments port. `cache` is the folder that environments live in."""

    cache: Path
    environ: Mapping[str, str]

    def prepare(
        self, directory: Path, files: Sequence[str], spec: str, *, say: Say, extra: Sequence[str] = ()
    ) -> Interpreter:
        """Find or build. What is half built was killed, and is built again."""
        if files:
            return self._built(directory, files, tuple(extra), say)
        if spec:
            return self._existing(directory, spec, extra)
        raise ConfigError(
            "nothing describes the Python environment that trains the model",
            hint="add a requirements.txt beside mlops.yaml, or name a file or a Python's path in train.environment",
            docs="configuration.md#train",
        )

    def _existing(self, directory: Path, spec: str, extra: Sequence[str]) -> Interpreter:
        path = shutil.which(str(directory / spec)) or shutil.which(spec, path=self.environ.get("PATH"))
        if path is None:
            raise ConfigError(f"train.environment names no Python: '{spec}'", docs="configuration.md#train")
        version = self._version(Path(path))
        for requirement in extra:
            self._require(Path(path), requirement)
        return Interpreter(path=Path(path), digest=f"python-{version}", version=version, description=spec)

    def _require(self, python: Path, requirement: str) -> None:
        """An interpreter of the user's is used as it is: nothing is installed into it."""
        name = NAME.split(requirement, maxsplit=1)[0]
        look = f"import importlib.metadata as m; m.version({name!r})"
        if process.run([python, "-c", look], cwd=Path("/"), env=self._environ(), timeout=60).code != 0:
            raise ConfigError(
                f"{python} lacks {name}, which serves the model",
                hint=f"{python} -m pip install '{requirement}', or describe the environment in a requirements file",
                docs="serving.md",
            )

    def _version(self, python: Path) -> str:
        done = process.run([python, "-I", "-S", "-c", VERSION], cwd=Path("/"), env=self._environ(), timeout=60)
        if done.code != 0:
            raise ConfigError(f"{python} is not a Python that runs", docs="configuration.md#train")
        return done.stdout.strip()

    def _built(self, directory: Path, names: Sequence[str], extra: tuple[str, ...], say: Say) -> Interpreter:
        _require_lock(names)
        wanted = self._wanted_python(directory)
        contents = sorted((name, (directory / name).read_bytes().hex()) for name in names)
        described = [wanted, platform.system(), platform.machine(), contents, *extra]
        key = hashlib.sha256(json.dumps(described).encode()).hexdigest()
        home = self.cache / key[:32]
        with whole.lock(self.cache / f"{key[:32]}.lock", busy="", wait=True):
            if not (home / MARKER).exists():
                self._build(directory, names, home, wanted, extra, say)
        python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        return Interpreter(
            path=python, digest=key, version=(home / MARKER).read_text("utf-8"), description=Path(names[0]).name
        )

    def _wanted_python(self, directory: Path) -> str:
        """`.python-version` beside the files decides; otherwise the Python that runs us."""
        pinned = directory / ".python-version"
        if pinned.is_file():
            return pinned.read_text("utf-8").strip()
        return ".".join(map(str, sys.version_info[:2]))

    def _build(
        self, directory: Path, names: Sequence[str], home: Path, wanted: str, extra: tuple[str, ...], say: Say
    ) -> None:
        beside = f" with {', '.join(extra)}" if extra else ""
        say(f"building the Python environment of {names[0]}{beside} (kept for next time)")
        shutil.rmtree(home, ignore_errors=True)
        running = ".".join(map(str, sys.version_info[:2]))
        python = getattr(sys, "_base_executable", sys.executable) if wanted == running else wanted
        self._uv(["venv", "--quiet", "--python", python, home], directory, say)
        target = home / "bin" / "python"
        if any(Path(name).name == "uv.lock" for name in names):
            project = (directory / names[0]).parent
            self._uv(["sync", "--frozen", "--no-install-project", "--project", project], directory, say, home)
            given: list[str | Path] = []
        else:
            given = ["-r", directory / names[0]]
            self._uv(["pip", "install", "--python", target, *given], directory, say)
        if extra:
            self._add(target, extra, given, home, directory, say)
        whole.write_text(home / MARKER, self._version(target))

    def _add(
        self, python: Path, extra: Sequence[str], given: Sequence[str | Path], home: Path, directory: Path, say: Say
    ) -> None:
        """Beside what the user's files gave, none of which may change. `given` is said again for the index it names."""
        freeze: list[str | Path] = [uv_binary(), "pip", "freeze", "--exclude-editable", "--python", python]
        done = process.run(freeze, cwd=directory, env=self._environ(), timeout=60)
        if done.code != 0:
            raise _not_built(done.stderr.splitlines())
        whole.write_text(home / "given.txt", done.stdout)
        words = ["pip", "install", "--python", python, "-c", home / "given.txt", *given, *extra]
        self._uv(words, directory, say, beside=", ".join(extra))

    def _environ(self) -> dict[str, str]:
        """Building a package runs its code."""
        allowed = for_user_code(self.environ)
        return {key: value for key, value in allowed.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}

    def _uv(
        self, words: Sequence[str | Path], directory: Path, say: Say, home: Path | None = None, *, beside: str = ""
    ) -> None:
        """Run uv. `beside` is what must fit what is there already."""
        env = self._environ()
        if home is not None:
            env["UV_PROJECT_ENVIRONMENT"] = str(home)
        log = self.cache / "last-build.log"

        def progress(line: str) -> None:
            if not line.lstrip().startswith(LISTED):
                say(line)

        done = process.stream(
            [uv_binary(), *words], cwd=directory, env=env, log=log, on_line=progress, timeout=BUILD_TIMEOUT
        )
        if done.code != 0:
            raise does_not_fit(beside, done.tail) if beside and unsolved(done.tail) else _not_built(done.tail)


def unsolved(lines: Sequence[str]) -> bool:
    """Whether uv says that no versions fit each other."""
    return any("No solution found" in line for line in lines)


def does_not_fit(requirement: str, lines: Sequence[str]) -> BackendError:
    """What serves the model asks for other versions than were trained with; uv's `lines` name them."""
    return BackendError(
        f"{requirement}, which serves the model, does not fit the versions that the model's environment pins",
        hint="\n".join([*lines, f"loosen the pins that uv names above, or pin versions that {requirement} takes"]),
        docs="serving.md",
    )


def _not_built(lines: Sequence[str]) -> BackendError:
    return BackendError(
        "the Python environment could not be built",
        hint="\n".join([*lines, "check the requirements, and that the package index can be reached"]),
        docs="training.md#environments",
    )


def _require_lock(names: Sequence[str]) -> None:
    """Without its lock `uv sync` writes one into the repository, and another machine gets other versions."""
    if Path(names[0]).name == "pyproject.toml" and not any(Path(name).name == "uv.lock" for name in names):
        raise ConfigError(
            f"'{names[0]}' has no uv.lock beside it, so nothing says which versions to install",
            hint="run 'uv lock' there and commit uv.lock, or name a requirements file in train.environment",
            docs="training.md#environments",
        )


def uv_binary() -> str:
    """uv's executable. Raises MissingExtra."""
    try:
        from uv import find_uv_bin
    except ModuleNotFoundError:
        raise MissingExtra("train", "uv") from None
    return str(find_uv_bin())
