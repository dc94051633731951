// Recurrent networks: recurrent_rnn.hpp, recurrent_lstm.hpp, recurrent_gru.hpp; what they share, and how the work is
// cut, in recurrent_steps.hpp. A cell is a sequence of one step.                            See naive/recurrent.py
#pragma once
#include "recurrent_gru.hpp"
#include "recurrent_lstm.hpp"
#include "recurrent_rnn.hpp"
