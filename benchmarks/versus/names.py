"""The training steps of the table, by name: what both sides build."""

NETWORKS = ("LeNet-5", "cnn", "MLP 784-512-512-10", "MLP 784-32-10", "LSTM-128 over rows")
CONVOLUTIONAL = ("LeNet-5", "cnn")  # where channels-last may be faster
OPTIMIZERS = ("SGD", "Adam")  # SGD with momentum
BATCHES = (64, 16)
