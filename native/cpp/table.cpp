// Lists one instruction set's kernels.

#include "kernels.h"

namespace sancai::SANCAI_ISA {

template <class T>
const Kernels<T>& table() {
    static const Kernels<T> all = {
        site<T>, site_backward<T>, norm_rope<T>, norm_rope_backward<T>, softmax<T>, softmax_backward<T>,
        gather<T>, combine<T>, swiglu<T>, swiglu_backward<T>,
        compress<T>, compress_backward<T>,
        muon, adamw,
    };
    return all;
}

template const Kernels<float>& table();
template const Kernels<Bf16>& table();

}  // namespace sancai::SANCAI_ISA
