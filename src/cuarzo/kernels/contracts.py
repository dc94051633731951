"""The contracts: what each kernel is called with, once, for every backend, test and benchmark.

A line reads `name: inputs | options | outputs`, in the order of the call, each array with its shape:

    name(N, C)    equal letters are equal sizes; 4U is four times U; _ is any size, * any number of axes
    name?(N)      may be None
    name!(N)      is changed in place: an output whose old values are read, as an optimiser's update does
    indices(N)    indices, lengths and labels are int64; all other arrays of a call have one dtype, float32 or float64

A heading in brackets is the name of the files that hold the family, in each backend and in `cases`. Formulas and tie
rules stand in the definition, `naive/`. Dimensions: `N` batch, `C` channels, `F` filters, `D H W` volume, `E R S`
window, `O P Q` outputs, `T` time, `I` inputs, `U` hidden units, `V` visible units or words, `M K` rows and columns.
"""

import re
from typing import NamedTuple

CORE = """
[matmul]
matmul: a(_, _) b(_, _) | transpose_a transpose_b | c(_, _)

[conv]
conv1d_forward: x(N, C, W) w(F, _, S) b?(F) | stride padding dilation groups | y(N, F, Q)
conv1d_backward_input: dy(N, F, Q) w(F, _, S) | stride padding dilation groups | dx(N, C, W)
conv1d_backward_weight: x(N, C, W) dy(N, F, Q) | stride padding dilation groups | dw(F, _, S) db?(F)
conv2d_forward: x(N, C, H, W) w(F, _, R, S) b?(F) | stride padding dilation groups | y(N, F, P, Q)
conv2d_backward_input: dy(N, F, P, Q) w(F, _, R, S) | stride padding dilation groups | dx(N, C, H, W)
conv2d_backward_weight: x(N, C, H, W) dy(N, F, P, Q) | stride padding dilation groups | dw(F, _, R, S) db?(F)
conv3d_forward: x(N, C, D, H, W) w(F, _, E, R, S) b?(F) | stride padding dilation groups | y(N, F, O, P, Q)
conv3d_backward_input: dy(N, F, O, P, Q) w(F, _, E, R, S) | stride padding dilation groups | dx(N, C, D, H, W)
conv3d_backward_weight:
    x(N, C, D, H, W) dy(N, F, O, P, Q) | stride padding dilation groups | dw(F, _, E, R, S) db?(F)

[pool]
max_pool1d_forward: x(N, C, W) | window stride padding dilation | y(N, C, Q) indices?(N, C, Q)
max_pool1d_backward: dy(N, C, Q) x?(N, C, W) indices?(N, C, Q) | window stride padding dilation | dx(N, C, W)
max_pool2d_forward: x(N, C, H, W) | window stride padding dilation | y(N, C, P, Q) indices?(N, C, P, Q)
max_pool2d_backward:
    dy(N, C, P, Q) x?(N, C, H, W) indices?(N, C, P, Q) | window stride padding dilation | dx(N, C, H, W)
max_pool3d_forward: x(N, C, D, H, W) | window stride padding dilation | y(N, C, O, P, Q) indices?(N, C, O, P, Q)
max_pool3d_backward:
    dy(N, C, O, P, Q) x?(N, C, D, H, W) indices?(N, C, O, P, Q) | window stride padding dilation | dx(N, C, D, H, W)
avg_pool1d_forward: x(N, C, W) | window stride padding count_include_pad | y(N, C, Q)
avg_pool1d_backward: dy(N, C, Q) | window stride padding count_include_pad | dx(N, C, W)
avg_pool2d_forward: x(N, C, H, W) | window stride padding count_include_pad | y(N, C, P, Q)
avg_pool2d_backward: dy(N, C, P, Q) | window stride padding count_include_pad | dx(N, C, H, W)
avg_pool3d_forward: x(N, C, D, H, W) | window stride padding count_include_pad | y(N, C, O, P, Q)
avg_pool3d_backward: dy(N, C, O, P, Q) | window stride padding count_include_pad | dx(N, C, D, H, W)

[resample]
adaptive_avg_pool_forward: x(M, H, K) | | y(M, P, K)
adaptive_avg_pool_backward: dy(M, P, K) | | dx(M, H, K)
adaptive_max_pool_forward: x(M, H, K) | | y(M, P, K) indices(M, P, K)
adaptive_max_pool_backward: dy(M, P, K) indices(M, P, K) | | dx(M, H, K)
upsample_nearest_forward: x(M, H, K) | | y(M, P, K)
upsample_nearest_backward: dy(M, P, K) | | dx(M, H, K)
upsample_linear_forward: x(M, H, K) | align_corners | y(M, P, K)
upsample_linear_backward: dy(M, P, K) | align_corners | dx(M, H, K)
max_unpool_forward: x(M, Q) indices(M, Q) | | y(M, K)
max_unpool_backward: dy(M, K) indices(M, Q) | | dx(M, Q)

[recurrent]
rnn_cell_forward: x(N, I) h0(N, U) w_ih(U, I) w_hh(U, U) b_ih?(U) b_hh?(U) | relu | h(N, U)
rnn_cell_backward:
    dh(N, U) x(N, I) h0(N, U) w_ih(U, I) w_hh(U, U) h(N, U) | relu
    | dx(N, I) dh0(N, U) dw_ih(U, I) dw_hh(U, U) db_ih?(U) db_hh?(U)
lstm_cell_forward:
    x(N, I) h0(N, U) c0(N, U) w_ih(4U, I) w_hh(4U, U) b_ih?(4U) b_hh?(4U) | | h(N, U) c(N, U) gates(N, 4U)
lstm_cell_backward:
    dh(N, U) dc(N, U) x(N, I) h0(N, U) c0(N, U) w_ih(4U, I) w_hh(4U, U) c(N, U) gates(N, 4U) |
    | dx(N, I) dh0(N, U) dc0(N, U) dw_ih(4U, I) dw_hh(4U, U) db_ih?(4U) db_hh?(4U)
gru_cell_forward: x(N, I) h0(N, U) w_ih(3U, I) w_hh(3U, U) b_ih?(3U) b_hh?(3U) | | h(N, U) gates(N, 4U)
gru_cell_backward:
    dh(N, U) x(N, I) h0(N, U) w_ih(3U, I) w_hh(3U, U) gates(N, 4U) |
    | dx(N, I) dh0(N, U) dw_ih(3U, I) dw_hh(3U, U) db_ih?(3U) db_hh?(3U)
rnn_forward: x(T, N, I) h0?(N, U) w_ih(U, I) w_hh(U, U) b_ih?(U) b_hh?(U) lengths?(N) | relu | h(T, N, U)
rnn_backward:
    dh(T, N, U) x(T, N, I) h0?(N, U) w_ih(U, I) w_hh(U, U) lengths?(N) h(T, N, U) | relu
    | dx?(T, N, I) dh0?(N, U) dw_ih(U, I) dw_hh(U, U) db_ih?(U) db_hh?(U)
lstm_forward:
    x(T, N, I) h0?(N, U) c0?(N, U) w_ih(4U, I) w_hh(4U, U) b_ih?(4U) b_hh?(4U) lengths?(N) |
    | h(T, N, U) c(T, N, U) gates(T, N, 4U)
lstm_backward:
    dh(T, N, U) dc?(N, U) x(T, N, I) h0?(N, U) c0?(N, U) w_ih(4U, I) w_hh(4U, U) lengths?(N)
    h(T, N, U) c(T, N, U) gates(T, N, 4U) |
    | dx?(T, N, I) dh0?(N, U) dc0?(N, U) dw_ih(4U, I) dw_hh(4U, U) db_ih?(4U) db_hh?(4U)
gru_forward:
    x(T, N, I) h0?(N, U) w_ih(3U, I) w_hh(3U, U) b_ih?(3U) b_hh?(3U) lengths?(N) | | h(T, N, U) gates(T, N, 4U)
gru_backward:
    dh(T, N, U) x(T, N, I) h0?(N, U) w_ih(3U, I) w_hh(3U, U) lengths?(N) h(T, N, U) gates(T, N, 4U) |
    | dx?(T, N, I) dh0?(N, U) dw_ih(3U, I) dw_hh(3U, U) db_ih?(3U) db_hh?(3U)

[rbm]
rbm_hidden: v(N, V) w(U, V) b(U) | key counter | mean(N, U) sample?(N, U)
rbm_visible: h(N, U) w(U, V) a(V) | gaussian key counter | mean(N, V) sample?(N, V)
rbm_gibbs:
    h(N, U) w(U, V) a(V) b(U) | gaussian steps key counter
    | v_mean(N, V) v_sample(N, V) h_mean(N, U) h_sample(N, U)
rbm_free_energy: v(N, V) w(U, V) a(V) b(U) | gaussian | f(N)
rbm_gradient: v(N, V) h(N, U) v_chain(M, V) h_chain(M, U) | | dw(U, V) da(V) db(U)

[random]
philox_uniform: | key counter | u(*)
"""

SUPPORT = """
[norm]
batch_norm_forward: x(N, C, K) weight?(C) bias?(C) | eps | y(N, C, K) mean(C) variance(C)
batch_norm_backward:
    dy(N, C, K) x(N, C, K) weight?(C) mean(C) variance(C) | eps | dx(N, C, K) dweight?(C) dbias?(C)
layer_norm_forward: x(M, K) weight?(K) bias?(K) | eps | y(M, K) mean(M) variance(M)
layer_norm_backward: dy(M, K) x(M, K) weight?(K) mean(M) variance(M) | eps | dx(M, K) dweight?(K) dbias?(K)
local_response_norm_forward: x(N, C, K) | size alpha beta k | y(N, C, K) scale(N, C, K)
local_response_norm_backward: dy(N, C, K) x(N, C, K) scale(N, C, K) | size alpha beta k | dx(N, C, K)

[embedding]
embedding_forward: indices(M) weight(V, K) | | y(M, K)
embedding_backward: dy(M, K) indices(M) | padding_index | dweight(V, K)

[activation]
relu_forward: x(K) | | y(K)
relu_backward: dy(K) y(K) | | dx(K)
leaky_relu_forward: x(K) | slope | y(K)
leaky_relu_backward: dy(K) x(K) | slope | dx(K)
elu_forward: x(K) | alpha | y(K)
elu_backward: dy(K) x(K) | alpha | dx(K)
sigmoid_forward: x(K) | | y(K)
sigmoid_backward: dy(K) y(K) | | dx(K)
tanh_forward: x(K) | | y(K)
tanh_backward: dy(K) y(K) | | dx(K)
gelu_forward: x(K) | approximate | y(K)
gelu_backward: dy(K) x(K) | approximate | dx(K)
silu_forward: x(K) | | y(K)
silu_backward: dy(K) x(K) | | dx(K)
softplus_forward: x(K) | beta threshold | y(K)
softplus_backward: dy(K) x(K) | beta threshold | dx(K)

[softmax]
softmax_forward: x(M, K) | | y(M, K)
softmax_backward: dy(M, K) y(M, K) | | dx(M, K)
log_softmax_forward: x(M, K) | | y(M, K)
log_softmax_backward: dy(M, K) y(M, K) | | dx(M, K)
cross_entropy_forward: x(M, K) labels(M) | | loss(M) probability(M, K)
cross_entropy_backward: dloss(M) probability(M, K) labels(M) | | dx(M, K)

[dropout]
dropout: x(K) | p key counter | y(K)

[update]
sgd_update:
    gradient(K) | lr momentum dampening weight_decay nesterov l1 first | parameter!(K) velocity!?(K)
rmsprop_update:
    gradient(K) | lr alpha eps weight_decay momentum | parameter!(K) square!(K) mean!?(K) velocity!?(K)
adam_update:
    gradient(K) | lr beta1 beta2 eps weight_decay decoupled step | parameter!(K) mean!(K) square!(K) largest!?(K)
"""

INTEGERS = frozenset({"indices", "lengths", "labels"})


class Contract(NamedTuple):
    """A kernel's name, family, and its arguments in the order of the call: inputs, options, outputs."""

    name: str
    family: str
    core: bool
    inputs: tuple[str, ...]
    options: tuple[str, ...]
    outputs: tuple[str, ...]
    optional: frozenset[str]
    in_place: frozenset[str]
    shapes: dict[str, tuple[str, ...]]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.inputs + self.options + self.outputs

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


_WORD = re.compile(r"(\w+)([?!]*)(?:\(([^)]*)\))?")


def _parse(line: str, family: str, core: bool) -> Contract:
    name, _, signature = line.partition(":")
    words = [_WORD.findall(part) for part in signature.split("|")]
    inputs, options, outputs = (tuple(word for word, _, _ in group) for group in words)
    arrays = [*words[0], *words[2]]
    optional, in_place = (frozenset(word for word, marks, _ in arrays if mark in marks) for mark in "?!")
    shapes = {word: tuple(shape.split(", ")) for word, _, shape in arrays}
    return Contract(name, family, core, inputs, options, outputs, optional, in_place, shapes)


def _parse_all(text: str, core: bool) -> dict[str, Contract]:
    contracts, family = {}, ""
    for line in re.sub(r"\n +", " ", text.strip()).splitlines():  # an indented line goes on with the one before
        if line.startswith("["):
            family = line.strip("[]")
        elif line:
            contract = _parse(line, family, core)
            contracts[contract.name] = contract
    return contracts


CONTRACTS: dict[str, Contract] = {**_parse_all(CORE, core=True), **_parse_all(SUPPORT, core=False)}
