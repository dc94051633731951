// Indices and labels: each must point to something.
#pragma once
#include "../arrays.hpp"

namespace cuarzo::border {

inline void check_range(const Border &border, const char *name, const Array<const std::int64_t> &array, Index least,
                        Index stop) {
    for (Index i = 0; i < array[0]; ++i)
        if (array.data[i] < least || array.data[i] >= stop)
            border.refuse(name, "[", i, "] = ", Index{array.data[i]}, ", expected ", least, " ... ", stop - 1);
}

} // namespace cuarzo::border
