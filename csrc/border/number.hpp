// Real numbers among the options.
#pragma once
#include "../arrays.hpp"

namespace cuarzo::border {

inline double number(const Border &border, const char *name, py::handle value) {
    if (!PyBool_Check(value.ptr()) && !py::isinstance<py::array>(value)) {
        const double number = PyFloat_AsDouble(value.ptr());
        if (!PyErr_Occurred()) return number;
        PyErr_Clear();
    }
    border.refuse_type(name, " is of type ", type_name(value), ", expected a number");
}

// A number between least and most; NaN is in no range.
inline double number_in(const Border &border, const char *name, py::handle value, double least, double most,
                        const char *expected) {
    const double x = number(border, name, value);
    if (!(x >= least && x <= most)) border.refuse(name, " = ", std::to_string(x), ", expected ", expected);
    return x;
}

inline double not_negative(const Border &border, const char *name, py::handle value) {
    return number_in(border, name, value, 0, std::numeric_limits<double>::infinity(), "0 or more");
}

} // namespace cuarzo::border
