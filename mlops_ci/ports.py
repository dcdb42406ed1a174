"""What the stages need from the outside, as Protocols. One adapter a file in `backends/` keeps each of them.

All methods block until done, raise `BackendError` (or a subclass) when the outside fails, and never leave
half a result. Where a method is idempotent, or may meet another process, its docstring says how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlops_ci.records.evaluation import ServingFacts
from mlops_ci.records.forge import Approval, BranchCommit, Comment, NewPull, PullRequest, PullState, Push
from mlops_ci.records.models import Candidate, Judgement, Release, Version
from mlops_ci.records.serving import Serving
from mlops_ci.records.training import PipelineStage
from mlops_ci.records.validation import DataProfile, ExpectationResult

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A finished training, ready to be recorded. `directory` is the MLflow model directory the pipeline wrote."""

    model: str
    directory: Path
    inputs_digest: str
    model_digest: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    data: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


class Tracker(Protocol):
    """Where training runs are kept (MLflow)."""

    def find(self, model: str, inputs_digest: str) -> Candidate | None:
        """The newest finished run with this inputs digest; half-written runs are not candidates."""

    def load(self, run_id: str) -> Candidate:
        """The candidate of one run."""

    def record(self, trained: TrainedModel) -> Candidate:
        """Log a training; the model directory goes up byte for byte. Idempotent per inputs and model digest."""

    def judge(self, run_id: str, judgement: Judgement, *, files: Mapping[str, Path]) -> None:
        """Attach a judgement and its files (artifact path → local file). Repeating it replaces the former one."""

    def store(self, run_id: str, artifact: str, path: Path) -> None:
        """Upload one file as the artifact `artifact` (a POSIX path). Repeating it replaces it."""

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path | None:
        """Download one file or directory to `into`; None where the run has no such artifact."""


class Registry(Protocol):
    """Where versions have numbers and environments have aliases (MLflow)."""

    def champion(self, model: str, environment: str) -> Version | None:
        """The version the environment's alias names, or None where there is none."""

    def version_of(self, model: str, model_digest: str) -> Version | None:
        """The version with this model digest; the lowest number if a crash ever left two."""

    def create(self, model: str, candidate: Candidate, *, tags: Mapping[str, str]) -> tuple[Version, bool]:
        """One version per model digest, however often and by however many processes: (version, was it created now)."""

    def point(self, model: str, environment: str, version: Version) -> None:
        """Move the environment's alias, and write the move to the journal in the model's tags."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python of the user's. `digest` names the environment by content; `path` is its executable."""

    path: Path
    digest: str
    version: str
    description: str

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with this environment in front on PATH, and nothing of ours leaking in."""
        env = {
            k: v for k, v in base.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
        }
        env["PATH"] = f"{self.path.parent}:{base.get('PATH', '')}"
        env["VIRTUAL_ENV"] = str(self.path.parent.parent)
        return env


class Environments(Protocol):
    """Builds the user's Python environments (uv) and keeps them by content hash."""

    def prepare(
        self, directory: Path, files: Sequence[str], spec: str, *, say: Say, extra: Sequence[str] = ()
    ) -> Interpreter:
        """The environment that `files` (below `directory`; see digests/environment.py) describe, or, where there
        are none, the Python that `spec` names. `extra` requirements come beside, and change nothing that is pinned.
        Two processes at once build it once. Raises ConfigError without either, and where that Python lacks an extra;
        BackendError where it can't be built."""


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """What the pipeline did."""

    stages: tuple[PipelineStage, ...]
    seconds: float
    peak_memory_mb: float | None
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineJob:
    """What to bring up to date: stage or group `target` of the dvc.yaml `file`. All paths count from the root of the
    repository.

    `sources` are files whose content DVC keeps; `stages` maps (dvc.yaml, name) of every stage that may be run to its
    outputs, in the order they run; `unproven` maps a dvc.lock to stage names that nobody we trust has run with these
    inputs. `timeout` is in seconds; `push` says whether to give the remote what came out.
    """

    file: str
    target: str
    timeout: float
    sources: tuple[str, ...] = ()
    stages: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    unproven: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    push: bool = True


class Pipeline(Protocol):
    """The model's DVC pipeline."""

    def reproduce(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Bring the target up to date: bring the sources, restore what others ran, run what changed, push what came
        out. What dvc.lock says of the stages in `unproven` is set aside first. Raises StageFailed with the stage, its
        exit code and last lines; BackendError naming the file and the remote where a source is nowhere; UsageError
        where a source was changed and its change is nowhere else."""

    def verify(self, job: PipelineJob, *, interpreter: Interpreter, log: Path, say: Say) -> PipelineRun:
        """Run every stage once more and list the outputs (paths from the root) that came out differently; the first
        ones are put back. Raises PipelineError where there is no output to compare."""

    def provide(self, paths: Sequence[str], *, log: Path, say: Say) -> None:
        """Bring files that `.dvc` files track (paths from the root) into the work tree. Raises BackendError naming the
        file and the remote where one is nowhere, UsageError where a change would be lost."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What predictions are about. `positive` is one of two classes, '' otherwise."""

    task: str
    label: str
    group: str = ""
    positive: str = ""


@dataclass(frozen=True, kw_only=True)
class ScoringJob(Asked):
    """What the scorer is asked: read `data`, predict all rows, write `predictions` (Parquet), and a few rows as the
    model's server will be asked and must answer into `smoke` (JSON). `classes` are the label's, in order, () for a
    regression."""

    model_directory: Path
    data: Path
    classes: tuple[str, ...]
    predictions: Path
    smoke: Path


@dataclass(frozen=True, kw_only=True)
class MeasuringJob:
    """The user's own metrics on stored predictions. `functions` maps a metric to `module:function`, found below
    `modules`; `predictions` a model's role to its file. `replicates` seeded resamples are measured alike for all
    roles; rows of one `group` move together."""

    data: Path
    label: str
    group: str
    task: str
    classes: tuple[str, ...]
    positive: str
    functions: Mapping[str, str]
    modules: Path
    predictions: Mapping[str, Path]
    seed: int
    replicates: int = 1000


class Scorer(Protocol):
    """Runs our scorer script in the user's environment. What the user's code prints goes to `log`."""

    def score(
        self, job: ScoringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Any]:
        """Score and return the summary: rows, classes, load_seconds, predict_seconds, row_milliseconds,
        peak_memory_mb, python, libraries. Raises StageFailed with the reason and the log's last lines where the
        user's code fails, hangs, or answers with what is no prediction."""

    def measure(
        self, job: MeasuringJob, *, interpreter: Interpreter, cwd: Path, log: Path, timeout: float
    ) -> Mapping[str, Mapping[str, Sequence[float | None]]]:
        """metric → role → [value, replicate 1, replicate 2, …]; None where the function gave no finite number."""


@dataclass(frozen=True, kw_only=True)
class TrialJob:
    """A model to be served for a moment: `request` is a V1 request of one row, as JSON."""

    name: str
    model_directory: Path
    model_digest: str
    request: bytes
    requests: int = 500


class ServerTrial(Protocol):
    """Starts the real model server, and measures it."""

    def measure(self, job: TrialJob, *, interpreter: Interpreter, cwd: Path, log: Path) -> ServingFacts:
        """Raises StageFailed with the log's last lines where it does not start, or does not answer with 200."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Values (n,) as `codes` into `names`; −1 where a value is missing."""

    codes: Any
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HoldoutColumns:
    """Which columns of a holdout are wanted; `by_value` as categories, `by_number` as numbers."""

    label: str
    group: str = ""
    by_value: tuple[str, ...] = ()
    by_number: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class HoldoutRows:
    """The holdout as arrays of one length. `label` is Coded for a classification, float64 with NaN where it is
    missing for a regression; `groups` are cluster codes from 0, or None; `hashes` are of all columns."""

    digest: str
    rows: int
    hashes: Any
    label: Any
    groups: Any
    values: Mapping[str, Coded]
    numbers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many holdout rows are training rows too; None where no file could be compared. `compared` are
    the training files looked into, `skipped` says why others were not."""

    rows: int | None
    compared: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PredictedRows:
    """A model's answers: `prediction` Coded, or float64 for a regression; `probability` by class (n,), or None."""

    prediction: Any
    probability: Mapping[str, Any] | None


class Holdouts(Protocol):
    """Reads holdouts and stored predictions."""

    def read(self, data: Path, columns: HoldoutColumns, *, task: str) -> HoldoutRows:
        """Raises DataError for what is no table, ConfigError for a column that is not there, with the nearest."""

    def overlap(self, data: Path, training: Sequence[Path], *, group: str) -> Overlap:
        """Compare rows by the columns of the holdout, the group's apart."""

    def predictions(self, path: Path, holdout: HoldoutRows, *, asked: Asked) -> PredictedRows:
        """Stored predictions of exactly these rows in this order, that answer exactly this. Raises StageFailed for
        any others."""


@dataclass(frozen=True, kw_only=True)
class DeployJob:
    """One release to be served in `environment`, whose keys of the config are `options`. `sequence` grows with the
    commits of the default branch: what a later commit brought is not replaced by what an earlier one did.

    `bring` puts `model/`, the server's `code/`, and `smoke.json` where there is one, into a folder and returns the
    Python that serves it; it is called only where the target does not hold the release already. `smoke` is called
    with the new server's address and that folder before any request of a user reaches it, and raises GateFailed.

    `refuse` is the digest of the model that is taken back with this: until something else is deployed, only a job that
    refuses another brings it here again.
    """

    release: Release
    environment: str
    options: Mapping[str, Any]
    sequence: int
    refuse: str = ""
    bring: Callable[[Path], Path]
    smoke: Callable[[str, Path], None]


class Deployer(Protocol):
    """Where releases are served. One environment of one model is changed by one process at a time; others wait."""

    def serving(self, model: str, environment: str) -> Serving | None:
        """What is served now; None where nothing was deployed, or it was deleted."""

    def recorded(self, model: str, environment: str) -> tuple[Release, ...]:
        """What has served here and can be served again with nothing else up, the latest first."""

    def deploy(self, job: DeployJob, *, say: Say) -> tuple[Serving, bool]:
        """Serve the release: (what is served, was anything changed). Deploying what serves already changes nothing.

        The new server starts beside the old one, is smoked, and takes over without losing a request. A failed smoke
        raises GateFailed and leaves what served before; so does a kill at any moment. StaleError where a later commit's
        release serves.
        """

    def delete(self, model: str, environment: str) -> None:
        """Stop serving; what was recorded stays. Deleting what is not there changes nothing."""


class Validator(Protocol):
    """Runs an expectation suite (Great Expectations)."""

    def validate(
        self, source: DataSource, suite: Path, *, redact: Sequence[str], say: Say
    ) -> tuple[ExpectationResult, ...]:
        """Every expectation of the suite, in its order. An unknown type or an empty suite raises ConfigError."""


class DataSource(Protocol):
    """A data set that can be counted, profiled and read: files (CSV, Parquet) or SQL."""

    @property
    def name(self) -> str: ...

    def profile(self, *, redact: Sequence[str]) -> DataProfile:
        """Full-data summary: rows, columns, null shares, distinct counts, ranges."""


class Forge(Protocol):
    """Where pull requests live: GitHub, or the one in the repository itself.

    Every write is idempotent: one that may have happened is looked up before it is repeated. Where another process
    was faster, `ForgeConflict` says so, and nothing was written; look again and decide anew. A number that no pull
    request has raises UsageError.
    """

    def tip(self, branch: str) -> str:
        """The full SHA of a branch's tip, '' where there is no such branch."""

    def contains(self, branch: str, commit: str) -> bool:
        """Whether `commit` is part of a branch's history; False for a commit that is not known at all."""

    def read(self, path: str, *, at: str) -> bytes | None:
        """A file's content in a commit, None where it has no such file (or has no such commit)."""

    def commits(self, branch: str, *, base: str) -> tuple[BranchCommit, ...]:
        """What a branch has and the branch `base` lacks, newest first, at most 250."""

    def push(self, push: Push) -> str:
        """Make the branch this one commit, and return its SHA. Atomic: the branch moves from `expected` or not at
        all. ForgeConflict where its tip is another, unless that is the very commit asked for."""

    def delete_branch(self, branch: str, *, expected: str) -> None:
        """Delete a branch whose tip is `expected`; one that is gone is done, and one that somebody has checked out
        stays. ForgeConflict for any other tip."""

    def pulls(self, *, branch: str = "", base: str = "", state: PullState | None = None) -> tuple[PullRequest, ...]:
        """Pull requests from `branch` and into `base` ('' is any), the newest first, all pages."""

    def pull(self, number: int) -> PullRequest:
        """One pull request."""

    def open(self, new: NewPull) -> PullRequest:
        """The open pull request from this branch into this base: the one that is there, with the labels and
        reviewers it lacks, or a new one. Two at once make one. UsageError where the base has all of the branch."""

    def update(
        self, number: int, *, title: str | None = None, body: str | None = None, draft: bool | None = None
    ) -> PullRequest:
        """Change what is not None; nothing is written where it is so already. The last writer wins."""

    def label(self, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove labels, making those the forge lacks."""

    def request_review(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask for reviews. Who was asked already is not asked again."""

    def comments(self, number: int) -> tuple[Comment, ...]:
        """All comments, the oldest first."""

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """The one comment of our own with this marker: written, or rewritten where its text is another."""

    def approvals(self, number: int) -> tuple[Approval, ...]:
        """Each person's latest approval that was not taken back, the oldest first."""

    def close(self, number: int) -> PullRequest:
        """Close without merging; one that is closed stays so. UsageError for one that is merged."""

    def merge(self, number: int, *, head: str) -> PullRequest:
        """Bring the branch onto its base as one commit; one that is merged stays so.

        ForgeConflict where the branch's tip is no longer `head`, or the base moved meanwhile; MergeConflict with the
        files where the two don't go together; UsageError for one that is closed, a draft, or brings nothing.
        """
