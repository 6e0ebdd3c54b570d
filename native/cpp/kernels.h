// The kernels of one instruction set, which `table.cpp` hands to the dispatcher.
#pragma once

#include "types.h"

namespace sancai::SANCAI_ISA {

template <class T>
void site(const Site<T>&);
template <class T>
void site_backward(const Site<T>&, const SiteGradients<T>&);
template <class T>
void norm_rope(const NormRope<T>&);
template <class T>
void norm_rope_backward(const NormRope<T>&, const NormRopeGradients<T>&);
template <class T>
void softmax(const Softmax<T>&);
template <class T>
void softmax_backward(const Softmax<T>&, const SoftmaxGradients<T>&);
template <class T>
void gather(const Gather<T>&);
template <class T>
void combine(const Combine<T>&);
template <class T>
void swiglu(const Swiglu<T>&);
template <class T>
void swiglu_backward(const Swiglu<T>&, const SwigluGradients<T>&);
template <class T>
void compress(const Compress<T>&);
template <class T>
void compress_backward(const Compress<T>&, const CompressGradients<T>&);
void muon(const MuonMatrix*, int64_t count, const MuonRates&);
void adamw(const AdamW&);

template <class T>
const Kernels<T>& table();

}  // namespace sancai::SANCAI_ISA
