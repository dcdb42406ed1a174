"""What git says of a moment: what should have served, and which commit brought it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from mlops_ci.config import release_file
from mlops_ci.config.load import load_bytes
from mlops_ci.config.types import Config
from mlops_ci.errors import ConfigError, MlopsError, RepositoryError
from mlops_ci.io import git_branches, git_mainline
from mlops_ci.io.git import WHOLE_HISTORY, Git
from mlops_ci.io.git_mainline import Grown, clock
from mlops_ci.records.audit import Claim, Known, Landing
from mlops_ci.records.models import Release, Version
from mlops_ci.stages.inputs import model_inputs
from mlops_ci.stages.mainline import Mainline

CLOCKS = "the clocks of the commits around then disagree, so nobody knows which of them had landed"
STEPS = 100  # commits that are looked at for the one that brought a model's inputs


@dataclass(frozen=True, kw_only=True)
class Past:
    """The default branch as it is now, to be asked about earlier times."""

    git: Git
    branch: str
    tip: str
    config: Config
    environ: Mapping[str, str]
    _configs: dict[str, Config] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, git: Git, config: Config, environ: Mapping[str, str]) -> Past:
        """Raises RepositoryError where there is no default branch, or no whole history of it."""
        if git.shallow:
            raise RepositoryError("this clone is shallow: what was released is not in it", hint=WHOLE_HISTORY)
        branch = git.default_branch(config.default_branch)
        return cls(git=git, branch=branch, tip=git.default_commit(branch), config=config, environ=environ)

    @cached_property
    def line(self) -> Mainline:
        return Mainline(git_mainline.grown(self.git.root, self.tip))

    @property
    def folder(self) -> str:
        """Where `mlops.yaml` lies: '' or a path that ends with '/'."""
        path = posixpath.relpath(self.config.root.resolve().as_posix(), self.git.root.as_posix())
        return "" if path == "." else f"{path}/"

    def config_at(self, commit: str) -> Config:
        """The config of a commit, or, where that has none that can be read, today's."""
        if commit not in self._configs:
            self._configs[commit] = self._read_config(commit)
        return self._configs[commit]

    def _read_config(self, commit: str) -> Config:
        path = f"{self.folder}{self.config.path.name}"
        content = git_branches.read(self.git.root, commit, path) if commit else None
        try:
            if content is not None:
                return load_bytes(content, path=self.config.path, root=self.config.root, environ=self.environ)
        except ConfigError:
            pass  # git goes further back than the config's form today
        return self.config

    def files(self, commit: str) -> Iterator[tuple[str, str]]:
        """(model, environment) of every release file of a commit, whatever the config calls its models today."""
        start = f"{self.folder}{release_file.FOLDER}/"
        for path in self.git.tree(commit).paths() if commit else ():
            model, _, name = path.removeprefix(start).partition("/")
            if path.startswith(start) and name.endswith(".yaml") and "/" not in name:
                yield model, name.removesuffix(".yaml")

    def by_file(self, model: str, environment: str, moment: datetime) -> Claim:
        """What the environment's release file named."""
        changed = self._changes(model, environment)
        found = self.line.last(changed, moment)
        if len(found) > 1:
            return Claim(known=Known.UNKNOWN, why=CLOCKS)
        commit, until = found[0], self.line.after(found[0], changed)
        if commit is None:
            return Claim(known=Known.NOTHING, until=until)
        try:
            release = self.release(commit.sha, model, environment)
        except ConfigError as error:
            return Claim(known=Known.UNKNOWN, since=clock(commit.at), until=until, why=f"no release: {error}")
        if release is None:
            return Claim(known=Known.NOTHING, since=clock(commit.at), until=until)
        return _claim(release.model_digest, release.version, clock(commit.at), until)

    def release(self, commit: str, model: str, environment: str) -> Release | None:
        """What a commit's release file names. Raises ConfigError where it is no release."""
        path = self._path(model, environment)
        content = git_branches.read(self.git.root, commit, path)
        return release_file.parse(content, path=path, model=model) if content is not None else None

    def by_inputs(self, model: str, moment: datetime, versions: Sequence[Version], *, down: str) -> Claim:
        """The version of what the branch held: the first environment follows it, and has no file. `down` is why there
        are no versions to look among."""
        tips = self.line.tips(moment)
        held = {self.inputs(tip, model) for tip in tips}
        if len(held) > 1:
            return Claim(known=Known.UNKNOWN, why=CLOCKS)
        (digest,) = held
        if not digest:
            return Claim(known=Known.NOTHING)
        found = [version for version in versions if version.inputs_digest == digest]
        if len(found) != 1:
            numbers = ", ".join(version.number for version in found)
            several = f"versions {numbers} have" if found else "no version has"
            why = down or f"{several} the inputs that {self.branch} held ({digest[:12]})"
            return Claim(known=Known.UNKNOWN, why=why)
        brought = self.brought_inputs(model, digest, moment)
        return _claim(found[0].model_digest, found[0].number, clock(brought.at) if brought else "", "")

    def inputs(self, commit: str, model: str) -> str:
        """The inputs digest of a model in a commit, '' where it had none."""
        known = self.config_at(commit).models.get(model) if commit else None
        try:
            return model_inputs(known, self.git.tree(commit)).digest if known is not None else ""
        except MlopsError:
            return ""

    def brought_inputs(self, model: str, digest: str, moment: datetime) -> Grown | None:
        """The commit with which a model's inputs came to the branch; None where it is further back than we look."""
        return self._brought(self.line.commits, moment, lambda commit: self.inputs(commit, model) == digest)

    def brought_file(self, model: str, environment: str, digest: str, moment: datetime) -> Grown | None:
        """The commit that named a model in a release file."""
        changed = self._changes(model, environment)

        def names(commit: str) -> bool:
            try:
                release = self.release(commit, model, environment)
            except ConfigError:
                return False
            return release is not None and release.model_digest == digest

        return self._brought([commit for commit in self.line.commits if commit.sha in changed], moment, names)

    def _brought(self, commits: Sequence[Grown], moment: datetime, has: Callable[[str], bool]) -> Grown | None:
        """The first of the latest commits in a row that have it."""
        landed = set(self.line.commits[: self.line.counts(moment)[0]])
        found = None
        for steps, commit in enumerate(commit for commit in reversed(commits) if commit in landed):
            if steps == STEPS:
                return None
            if has(commit.sha):
                found = commit
            elif found is not None:
                return found
        return found

    def landing(self, commit: Grown) -> Landing:
        """Who let a commit in."""
        committer, subject, approved = git_mainline.landed(self.git.root, commit.sha)
        at = clock(commit.at)
        return Landing(commit=commit.sha, at=at, subject=subject, committer=committer, approved=approved or None)

    def forgot(self, commit: str) -> bool:
        """Whether the branch does not have a commit that something was released from."""
        return bool(commit) and not git_branches.contains(self.git.root, self.tip, commit)

    def _path(self, model: str, environment: str) -> str:
        return f"{self.folder}{release_file.path_of(model, environment)}"

    def _changes(self, model: str, environment: str) -> frozenset[str]:
        return git_mainline.changes(self.git.root, self.tip, [self._path(model, environment)])


def _claim(digest: str, version: str, since: str, until: str) -> Claim:
    return Claim(known=Known.RELEASE, model_digest=digest, version=version, since=since, until=until)
