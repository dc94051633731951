"""Central differences, for tests of gradients."""

import numpy as np


def differences(loss, array, step=1e-5):
    """The derivatives of loss() by every element of `array`, which is changed and put back."""
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        kept = array[i]
        array[i] = kept + step
        above = loss()
        array[i] = kept - step
        gradient[i] = (above - loss()) / (2 * step)
        array[i] = kept
    return gradient
