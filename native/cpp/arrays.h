// Tensors of Python as pointers: their device, format and size are checked where they come in.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "types.h"

namespace nb = nanobind;

namespace nanobind::detail {
template <>
struct dtype_traits<sancai::Bf16> {
    static constexpr dlpack::dtype value{uint8_t(dlpack::dtype_code::Bfloat), 16, 1};
    static constexpr auto name = const_name("bfloat16");
};
}  // namespace nanobind::detail

namespace sancai {

using Array = nb::ndarray<nb::device::cpu, nb::c_contig>;
using Maybe = std::optional<Array>;

inline int64_t size_of(const Array& array) { return int64_t(array.size()); }

// The numbers of an array that must hold `count` of them in the format T.
template <class T>
T* data(const Array& array, int64_t count, const char* name) {
    if (array.dtype() != nb::dtype<T>())
        throw std::invalid_argument(std::string(name) + " has the wrong number format");
    if (size_of(array) != count)
        throw std::invalid_argument(std::string(name) + " holds " + std::to_string(size_of(array)) +
                                    " numbers, expected " + std::to_string(count));
    return static_cast<T*>(array.data());
}

template <class T>
T* data(const Maybe& array, int64_t count, const char* name) {
    return array ? data<T>(*array, count, name) : nullptr;
}

// Calls body(T{}) for the format of an array, without Python's lock.
template <class Body>
void with_format(const Array& array, Body body) {
    if (array.dtype() == nb::dtype<float>()) {
        body(float{});
    } else if (array.dtype() == nb::dtype<Bf16>()) {
        body(Bf16{});
    } else {
        throw std::invalid_argument("tensors must be float32 or bfloat16");
    }
}

}  // namespace sancai
