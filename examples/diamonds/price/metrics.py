"""The metric that the people who set prices ask for."""

import numpy as np


def within_10_percent(truth, prediction):
    """The share of diamonds whose price is met within a tenth."""
    return float(np.mean(np.abs(prediction - truth) <= 0.1 * truth))
