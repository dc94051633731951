"""Settings that a run takes when nobody says them."""

from cuarzo.settings import plan


def test_a_narrow_rbm_takes_larger_steps_unless_told():
    rate = lambda **given: plan({"model": "rbm", "data": "mnist", **given}).lr  # noqa: E731
    assert rate(hidden=20) > rate() == rate(hidden=500)
    assert rate(hidden=20, lr=0.01) == 0.01
