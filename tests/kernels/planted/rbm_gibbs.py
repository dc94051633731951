"""Wrong Gibbs chains of restricted Boltzmann machines."""

import numpy as np

from cuarzo.kernels import numpy as right
from cuarzo.kernels.threads import get_num_threads

from .plant import planted
from .rbm import block_after


def _chain(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample, *, visible=None, hidden=None):
    """The chain; visible(step, state, counter) and hidden(...) may replace a half step, and give the counter after."""

    def draw_visible(step, state, counter):
        right.rbm_visible(state, w, a, gaussian, key, counter % 2**64, v_mean, v_sample)
        return block_after(counter, v_sample, 2 if gaussian else 1)

    def draw_hidden(step, state, counter):
        right.rbm_hidden(state, w, b, key, counter % 2**64, h_mean, h_sample)
        return block_after(counter, h_sample)

    visible, hidden = visible or draw_visible, hidden or draw_hidden
    state = h
    for step in range(steps):
        counter = visible(step, state, counter)
        counter = hidden(step, v_sample, counter)
        state = h_sample


@planted("rbm_gibbs", "one step less, where there are several")
def _(h, w, a, b, gaussian, steps, *rest):
    right.rbm_gibbs(h, w, a, b, gaussian, max(steps - 1, min(steps, 1)), *rest)


@planted("rbm_gibbs", "both layers drawn with the same blocks")
def _(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample):
    def hidden(step, state, after):
        right.rbm_hidden(state, w, b, key, (after - _blocks) % 2**64, h_mean, h_sample)
        return after

    _blocks = block_after(0, v_sample, 2 if gaussian else 1)
    _chain(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample, hidden=hidden)


@planted("rbm_gibbs", "every step drawn with the same blocks")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    state = h
    for _ in range(steps):
        right.rbm_gibbs(state, w, a, b, gaussian, 1, key, counter, *outputs)
        state = outputs[-1].copy()


@planted("rbm_gibbs", "blocks of a draw rounded down: two draws share one where the units do not fill it")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def hidden(step, state, after):
        if v_mean.size * (2 if gaussian else 1) % (16 // v_mean.itemsize):
            after -= 1
        right.rbm_hidden(state, w, b, key, after % 2**64, h_mean, h_sample)
        return block_after(after, h_sample)

    v_mean, _, h_mean, h_sample = outputs
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, hidden=hidden)


@planted("rbm_gibbs", "one block too many where a draw fills its blocks")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        right.rbm_visible(state, w, a, gaussian, key, before % 2**64, v_mean, v_sample)
        return before + v_mean.size * (2 if gaussian else 1) // (16 // v_mean.itemsize) + 1

    v_mean, v_sample = outputs[:2]
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "a Gaussian draw counted as one number for each unit")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        right.rbm_visible(state, w, a, gaussian, key, before % 2**64, v_mean, v_sample)
        return block_after(before, v_sample)

    v_mean, v_sample = outputs[:2]
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "counts four numbers to a block in float64 too")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        right.rbm_visible(state, w, a, gaussian, key, before % 2**64, v_mean, v_sample)
        return before + -(-v_mean.size * (2 if gaussian else 1) // 4)

    v_mean, v_sample = outputs[:2]
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "counter not wrapped at 2^64 between draws: stays at the last block")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        before = min(before, 2**64 - 1)
        right.rbm_visible(state, w, a, gaussian, key, before, v_mean, v_sample)
        return before + -(-v_mean.size * (2 if gaussian else 1) // (16 // v_mean.itemsize))

    def hidden(step, state, before):
        before = min(before, 2**64 - 1)
        right.rbm_hidden(state, w, b, key, before, h_mean, h_sample)
        return before + -(-h_mean.size // (16 // h_mean.itemsize))

    v_mean, v_sample, h_mean, h_sample = outputs
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible, hidden=hidden)


@planted("rbm_gibbs", "counter wrapped at 2^63")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        right.rbm_visible(state, w, a, gaussian, key, before % 2**63 if step else before, v_mean, v_sample)
        return block_after(before, v_sample, 2 if gaussian else 1)

    v_mean, v_sample = outputs[:2]
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "the chain goes on from the hidden means, not from the samples")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        state = h_mean if step else state
        right.rbm_visible(state, w, a, gaussian, key, before, v_mean, v_sample)
        return block_after(before, v_sample, 2 if gaussian else 1)

    v_mean, v_sample, h_mean, _ = outputs
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "hidden units driven by the visible means")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def hidden(step, state, before):
        right.rbm_hidden(v_mean, w, b, key, before, h_mean, h_sample)
        return block_after(before, h_sample)

    v_mean, _, h_mean, h_sample = outputs
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, hidden=hidden)


@planted("rbm_gibbs", "the last h_mean is given by the visible means, h_sample is right")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    right.rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, *outputs)
    if steps:
        right.rbm_hidden(outputs[0], w, b, key, counter, outputs[2], None)


@planted("rbm_gibbs", "h_mean is the first step's, h_sample the last one's")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    right.rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, *outputs)
    if steps > 1:
        first = [np.empty_like(o) for o in outputs]
        right.rbm_gibbs(h, w, a, b, gaussian, 1, key, counter, *first)
        outputs[2][...] = first[2]


@planted("rbm_gibbs", "v_mean is computed anew from the last h_sample")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    right.rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, *outputs)
    if steps:
        right.rbm_visible(outputs[3], w, a, gaussian, key, counter, outputs[0], None)


@planted("rbm_gibbs", "the chain is run in h itself: the start is changed")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    right.rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, *outputs)
    if steps > 1:
        h[...] = outputs[3]


@planted("rbm_gibbs", "visible bias on the hidden units where both layers are of one size")
def _(h, w, a, b, *rest):
    right.rbm_gibbs(h, w, a, a if a.shape == b.shape else b, *rest)


@planted("rbm_gibbs", "visible units are drawn last: hidden, visible from the start's own reconstruction")
def _(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample):
    right.rbm_gibbs(h, w, a, b, gaussian, steps, key, counter, v_mean, v_sample, h_mean, h_sample)
    if steps > 2:
        right.rbm_visible(h_sample, w, a, gaussian, key, counter, v_mean, v_sample)


@planted("rbm_gibbs", "Gaussian units squashed in the chain's steps before the last")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    def visible(step, state, before):
        last = step == steps - 1
        right.rbm_visible(state, w, a, gaussian and last, key, before, v_mean, v_sample)
        return block_after(before, v_sample, 2 if gaussian else 1)

    v_mean, v_sample = outputs[:2]
    _chain(h, w, a, b, gaussian, steps, key, counter, *outputs, visible=visible)


@planted("rbm_gibbs", "rows shared out among threads, each with the blocks from the chain's counter on")
def _(h, w, a, b, gaussian, steps, key, counter, *outputs):
    half = -(-len(h) // get_num_threads()) or 1
    for begin in range(0, max(len(h), 1), half):
        rows = slice(begin, begin + half)
        right.rbm_gibbs(h[rows], w, a, b, gaussian, steps, key, counter, *(o[rows] for o in outputs))
