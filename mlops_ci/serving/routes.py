"""Which paths there are. Everything else is 404, so that no route of KServe's is reachable by accident."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.serving.refusals import Refusal


@dataclass(frozen=True, kw_only=True)
class Route:
    """`protocol` and `name` are the metrics' labels."""

    protocol: str
    name: str
    method: str = "GET"


class Routes:
    """The paths of one model."""

    def __init__(self, model: str, version: str) -> None:
        v2 = f"/v2/models/{model}"
        versioned = f"{v2}/versions/{version}"
        predict = {
            f"/v1/models/{model}:predict": Route(protocol="v1", name="predict", method="POST"),
            f"{v2}/infer": Route(protocol="v2", name="predict", method="POST"),
            f"{versioned}/infer": Route(protocol="v2", name="predict", method="POST"),
        }
        metadata = Route(protocol="v2", name="metadata")
        self.known = {
            **predict,
            v2: metadata,
            versioned: metadata,
            "/metrics": Route(protocol="none", name="metrics"),
            "/": Route(protocol="v1", name="live"),
            "/v1/models": Route(protocol="v1", name="models"),
            f"/v1/models/{model}": Route(protocol="v1", name="ready"),
            "/v2": Route(protocol="v2", name="server"),
            "/v2/health/live": Route(protocol="v2", name="live"),
            "/v2/health/ready": Route(protocol="v2", name="ready"),
            "/v2/models": Route(protocol="v2", name="models"),
            f"{v2}/ready": Route(protocol="v2", name="ready"),
        }

    def find(self, path: str, method: str) -> Route:
        """The route of a request. Raises Refusal: 404 for an unknown path or model, 405 for another method."""
        route = self.known.get(path)
        if route is None:
            is_model = path.startswith(("/v1/models/", "/v2/models/"))
            raise Refusal(404, "there is no such model" if is_model else "there is no such path", reason="not_found")
        if method != route.method:
            raise Refusal(405, f"this path takes {route.method} only", reason="method")
        return route

    def allowed(self, path: str) -> str:
        """The method that a path takes."""
        return self.known[path].method
