"""What an image says of itself: OCI's own annotations, and ours, by which one that is there already is known."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_ci.ports.building import BuildJob

OCI = "org.opencontainers.image."
OURS = "io.github.mlops-ci."
MODEL, MODEL_DIGEST, INPUTS_DIGEST, RUN = (
    f"{OURS}{name}" for name in ("model", "model-digest", "inputs-digest", "run")
)


def labels(job: BuildJob, *, base: str) -> dict[str, str]:
    """Every label that has something to say. No times: the same release makes the same image."""
    found = {
        f"{OCI}title": job.model,
        f"{OCI}version": job.version,
        f"{OCI}source": job.source,
        f"{OCI}revision": job.commit,
        f"{OCI}base.name": job.base,
        f"{OCI}base.digest": base.rpartition("@")[2] if "@" in base else "",
        MODEL: job.model,
        MODEL_DIGEST: job.model_digest,
        INPUTS_DIGEST: job.inputs_digest,
        RUN: job.run_id,
    }
    return {name: value for name, value in found.items() if value}


def same_model(found: Mapping[str, str], job: BuildJob) -> bool:
    """Whether an image says that it holds exactly this model."""
    return (found.get(MODEL), found.get(MODEL_DIGEST)) == (job.model, job.model_digest)


def tag_of(job: BuildJob) -> str:
    """The tag under which an image is looked for; a tag proves nothing, so the labels are read. At most 128 letters."""
    return f"{job.model[:90]}-{job.model_digest[:32]}"
