// Recurrent networks: rnn.hpp, lstm.hpp, gru.hpp                                       See naive/recurrent.py
// What they share, and how the work is cut, stands in recurrent_steps.hpp. A cell is a sequence of one step.
#pragma once
#include "gru.hpp"
#include "lstm.hpp"
#include "rnn.hpp"
