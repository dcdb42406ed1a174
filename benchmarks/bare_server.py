"""A bare `kserve.ModelServer` around an MLflow model, as its documentation has it: `bare_server.py PORT DIRECTORY`."""

from __future__ import annotations

import sys
from typing import Any

PORT, DIRECTORY = int(sys.argv[1]), sys.argv[2]
sys.argv[1:] = []

import kserve  # noqa: E402
import mlflow.pyfunc  # noqa: E402


class Model(kserve.Model):  # type: ignore[misc]
    """Loads, and predicts what came as a frame."""

    def load(self) -> bool:
        self.model = mlflow.pyfunc.load_model(DIRECTORY)
        self.ready = True
        return True

    def predict(self, payload: kserve.InferRequest, headers: Any = None) -> kserve.InferResponse:
        found = self.model.predict(payload.as_dataframe())
        output = kserve.InferOutput(name="predictions", shape=list(found.shape), datatype="INT64")
        output.set_data_from_numpy(found, binary_data=False)
        return kserve.InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    model = Model("bench")
    model.load()
    kserve.ModelServer(http_port=PORT, enable_grpc=False, workers=1).start([model])
