"""One file a stage: typed config and ports in, a result out. No stage prints, exits or reads the environment."""
