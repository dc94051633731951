// The border: what Python passes, checked before a pointer is made of it. See kernels/contracts.py for the contracts.
//
// A kernel trusts its arguments, and a wrong one would read or write memory that is not ours. So each array must be a
// NumPy array of the right dtype, C-contiguous, aligned, of the size that the other arguments ask for; an output must be
// writable and overlap nothing. Nothing is ever converted: a converted output would be filled and thrown away. What is
// refused is refused before anything is written, with a ValueError or TypeError that names the kernel, the argument,
// what was given and what was expected.
#pragma once
#include "simd/vec.hpp"
#include <array>
#include <pybind11/numpy.h>
#include <string>
#include <vector>

namespace cuarzo {

namespace py = pybind11;

template <class T> struct Array {
    T *data = nullptr;
    std::vector<Index> shape;
    Index operator[](std::size_t axis) const { return shape[axis]; }
};

template <class T> inline constexpr const char *dtype_name = "int64";
template <> inline constexpr const char *dtype_name<float> = "float32";
template <> inline constexpr const char *dtype_name<double> = "float64";

inline std::string text(const std::vector<Index> &shape) {
    std::string out = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
    return out + (shape.size() == 1 ? ",)" : ")");
}

inline std::string type_name(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

class Border {
  public:
    explicit Border(const char *kernel) : kernel_(kernel) {}

    template <class... Words> [[noreturn]] void refuse(const Words &...words) const {
        throw py::value_error(message(words...));
    }
    template <class... Words> [[noreturn]] void refuse_type(const Words &...words) const {
        throw py::type_error(message(words...));
    }

    // Whether the kernel runs in float32 (else float64): the dtype of its first array decides.
    bool is_float32(const char *name, py::handle value) const {
        const py::array array = numpy_array(name, value);
        if (py::isinstance<py::array_t<float, 0>>(array)) return true;
        if (py::isinstance<py::array_t<double, 0>>(array)) return false;
        refuse_type(name, " has dtype ", dtype(array), ", expected float32 or float64");
    }

    // ndim < 0: any number of dimensions
    template <class T> Array<const T> in(const char *name, py::handle value, int ndim) {
        return checked<const T, T>(name, value, ndim, false);
    }
    template <class T> Array<const T> in_or_none(const char *name, py::handle value, int ndim) {
        return value.is_none() ? Array<const T>{} : in<T>(name, value, ndim);
    }
    template <class T> Array<T> out(const char *name, py::handle value, int ndim) {
        return checked<T, T>(name, value, ndim, true);
    }
    template <class T> Array<T> out_or_none(const char *name, py::handle value, int ndim) {
        return value.is_none() ? Array<T>{} : out<T>(name, value, ndim);
    }

    // letters: the expected shape in the letters of the contract, such as "(F, C/groups, R, S)"
    template <class T>
    void shape(const char *name, const Array<T> &array, const char *letters, const std::vector<Index> &expected) const {
        if (array.shape != expected)
            refuse(name, " has shape ", text(array.shape), ", expected ", letters, " = ", text(expected));
    }

    Index integer(const char *name, py::handle value, Index least) const {
        const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        if (!index) {
            PyErr_Clear();
            refuse_type(name, " must be an integer, got ", repr(value));
        }
        const Index number = PyLong_AsSsize_t(index.ptr());
        const bool overflow = PyErr_Occurred() != nullptr;
        PyErr_Clear();
        if (overflow || number > limit) refuse(name, " = ", repr(value), " is too large, expected at most ", limit);
        if (number < least) refuse(name, " = ", repr(value), ", expected at least ", least);
        return number;
    }

    // A tuple or list of n.
    template <std::size_t n>
    std::array<py::object, n> items(const char *name, py::handle value, const std::string &expected) const {
        if (!(py::isinstance<py::tuple>(value) || py::isinstance<py::list>(value)) || py::len(value) != n)
            refuse_type(name, " = ", repr(value), ", expected ", expected);
        std::array<py::object, n> items;
        for (std::size_t i = 0; i < n; ++i) items[i] = value[py::int_(i)];
        return items;
    }

    template <std::size_t n> std::array<Index, n> integers(const char *name, py::handle value, Index least) const {
        static const std::string expected = "a tuple of " + std::to_string(n) + (n == 1 ? " integer" : " integers");
        const auto given = items<n>(name, value, expected);
        std::array<Index, n> numbers;
        for (std::size_t i = 0; i < n; ++i) numbers[i] = integer(name, given[i], least);
        return numbers;
    }

    std::uint64_t word(const char *name, py::handle value) const {
        const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
        if (index) {
            const std::uint64_t number = PyLong_AsUnsignedLongLong(index.ptr());
            if (!PyErr_Occurred()) return number;
        }
        PyErr_Clear();
        refuse(name, " = ", repr(value), ", expected an integer from 0 to 2**64 - 1");
    }

    bool boolean(const char *name, py::handle value) const {
        const int truth = PyObject_IsTrue(value.ptr());
        if (truth >= 0) return truth == 1;
        PyErr_Clear();
        refuse_type(name, " must be True or False, got ", repr(value));
    }

    // Every option stays below it, so that sums and products of two of them stay within 64 bits.
    static constexpr Index limit = Index{1} << 30;

  private:
    struct Extent {
        const char *name;
        const std::byte *begin, *end;
        bool output;
    };

    template <class... Words> std::string message(const Words &...words) const {
        std::string out = std::string(kernel_) + ": ";
        (append(out, words), ...);
        return out;
    }
    static void append(std::string &out, const std::string &word) { out += word; }
    static void append(std::string &out, Index number) { out += std::to_string(number); }

    static std::string repr(py::handle value) {
        PyObject *shown = PyObject_Repr(value.ptr());
        if (!shown) PyErr_Clear();
        return shown ? py::reinterpret_steal<py::str>(shown).cast<std::string>().substr(0, 80) : type_name(value);
    }
    static std::string dtype(const py::array &array) { return py::str(array.dtype()).cast<std::string>(); }

    py::array numpy_array(const char *name, py::handle value) const {
        if (!py::isinstance<py::array>(value))
            refuse_type(name, " is of type ", type_name(value), ", expected a NumPy array");
        return py::reinterpret_borrow<py::array>(value);
    }

    template <class Element, class T>
    Array<Element> checked(const char *name, py::handle value, int ndim, bool output) {
        const py::array array = numpy_array(name, value);
        if (!py::isinstance<py::array_t<T, 0>>(array))
            refuse_type(name, " has dtype ", dtype(array), ", expected ", dtype_name<T>);
        if (ndim >= 0 && array.ndim() != ndim)
            refuse(name, " has ", array.ndim(), " dimensions, expected ", Index{ndim});
        if (!(array.flags() & py::array::c_style)) refuse(name, " is not C-contiguous; pass np.ascontiguousarray(...)");
        if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T)) refuse(name, " is not aligned");
        if (output && !array.writeable()) refuse(name, " is an output, but read-only");
        const auto *begin = static_cast<const std::byte *>(array.data());
        separate({name, begin, begin + array.nbytes(), output});
        Array<Element> checked{static_cast<T *>(const_cast<void *>(array.data())), {}};
        checked.shape.assign(array.shape(), array.shape() + array.ndim());
        return checked;
    }

    void separate(const Extent &added) {
        for (const Extent &other : extents_)
            if ((added.output || other.output) && added.begin < other.end && other.begin < added.end)
                refuse(added.name, " overlaps ", other.name, "; an output must have memory of its own");
        extents_.push_back(added);
    }

    const char *kernel_;
    std::vector<Extent> extents_;
};

// Runs a kernel while other Python threads go on. Not py::gil_scoped_release: when the interpreter exits, Python ends a
// daemon thread that comes back for the lock by unwinding its stack, and may not do that through a destructor.
template <class Kernel> void unlocked(Kernel kernel) {
    PyThreadState *state = PyEval_SaveThread();
    try {
        kernel();
    } catch (...) {
        PyEval_RestoreThread(state);
        throw;
    }
    PyEval_RestoreThread(state);
}

// Runs `kernel(float{})` or `kernel(double{})`, whichever dtype the first array has.
template <class Kernel> void for_dtype(const Border &border, const char *name, py::handle first, Kernel kernel) {
    if (border.is_float32(name, first))
        kernel(float{});
    else
        kernel(double{});
}

} // namespace cuarzo
