"""The model server: KServe's, around an MLflow model, with every request checked against the model's signature.

It runs in the user's environment, where nothing of ours is installed: besides the standard library it imports numpy,
pandas, pyarrow, mlflow, kserve and what these bring, and of mlops_ci only the directory digest and the errors.
`code.copy_into` puts these files together; `python -m mlops_ci.serving` starts it.
"""
