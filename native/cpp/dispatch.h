// Chooses the instruction set once a process.
#pragma once

#include "types.h"

namespace sancai {

// The best set of kernels that this machine runs; SANCAI_NATIVE_ISA names a lower one, for tests.
template <class T>
const Kernels<T>& kernels();

// Its name: avx512bf16, avx512, avx2 or portable.
const char* instruction_set();

}  // namespace sancai
