import numpy as np
import pytest

from cuarzo.metrics import accuracy, confusion_matrix


def test_by_hand():
    predicted, labels = np.array([0, 1, 2, 1]), np.array([0, 2, 2, 1])
    assert accuracy(predicted, labels) == 0.75
    assert confusion_matrix(predicted, labels, 3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_against_scikit_learn():
    from sklearn import metrics

    rng = np.random.default_rng(0)
    predicted, labels = rng.integers(0, 7, 500), rng.integers(0, 7, 500)
    assert np.array_equal(confusion_matrix(predicted, labels, 7), metrics.confusion_matrix(labels, predicted))
    assert accuracy(predicted, labels) == metrics.accuracy_score(labels, predicted)


@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        ([], [], "labels is empty"),
        ([1], [1, 2], "two equal shapes"),
        ([0, 3], [0, 1], "predicted lies in 0 ... 3, expected 0 ... 2"),
        ([0, 1], [-1, 1], "labels lies in -1"),
    ],
)
def test_what_does_not_fit_is_refused(predicted, labels, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(predicted, int), np.array(labels, int), 3)


@pytest.mark.parametrize("values", [[0.9, 1.9], [1j, 0], [np.nan, 0], ["a", "b"]])
def test_labels_that_are_no_integers_are_refused(values):
    for call in ((values, [0, 1]), ([0, 1], values)):
        with pytest.raises(TypeError, match=r"metrics: (predicted|labels) has dtype .*, expected integers"):
            accuracy(*call)


def test_ragged_labels_and_a_mad_number_of_classes():
    with pytest.raises(ValueError, match="predicted has rows of unequal length"):
        accuracy([[1], [1, 2]], [0, 1])
    with pytest.raises(ValueError, match="confusion_matrix: classes is 10000000000, expected at most"):
        confusion_matrix([0], [0], 10**10)
    with pytest.raises(TypeError, match=r"classes is 2.5"):
        confusion_matrix([0], [0], 2.5)
