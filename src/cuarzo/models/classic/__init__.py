"""Networks without convolutions: softmax regression and the multilayer perceptron."""
