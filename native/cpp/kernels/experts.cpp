// What lies between the matrix products of a mixture of experts.

#include "../kernels.h"
#include "../simd.h"

namespace sancai::SANCAI_ISA {

template <class T>
void gather(const Gather<T>& a) {
    for (int64_t row = 0; row < a.rows; row++) {
        T* out = a.out + row * a.dim;
        if (a.slots[row] < 0)
            std::memset(out, 0, a.dim * sizeof(T));
        else
            std::memcpy(out, a.x + a.slots[row] / a.top_k * a.dim, a.dim * sizeof(T));
    }
}

template <class T>
void combine(const Combine<T>& a) {
    for (int64_t token = 0; token < a.tokens; token++) {
        T* out = a.out + token * a.dim;
        const int32_t* places = a.places + token * a.top_k;
        along(a.dim, [&](int64_t d, auto part) {
            Vec total = load(out + d, part);
            for (int64_t j = 0; j < a.top_k; j++) total += load(a.rows + places[j] * a.dim + d, part);
            store(out + d, total, part);
        });
    }
}

template <class T>
void swiglu(const Swiglu<T>& a) {
    const Vec limit = splat(a.limit);
    for (int64_t row = 0; row < a.rows; row++) {
        const T *gate = a.gate_up + row * 2 * a.width, *up = gate + a.width;
        const float weight = !a.slots ? 1.0f : a.slots[row] < 0 ? 0.0f : a.weights[a.slots[row]];
        along(a.width, [&](int64_t d, auto part) {
            Vec x = smaller(load(gate + d, part), limit), y = smaller(larger(load(up + d, part), -limit), limit);
            store(a.out + row * a.width + d, weight * (x * sigmoid(x)) * y, part);
        });
    }
}

template <class T>
void swiglu_backward(const Swiglu<T>& a, const SwigluGradients<T>& g) {
    const Vec limit = splat(a.limit), none = {};
    for (int64_t row = 0; row < a.rows; row++) {
        const T *gate = a.gate_up + row * 2 * a.width, *up = gate + a.width, *given = g.to_out + row * a.width;
        T *to_gate = g.gate_up + row * 2 * a.width, *to_up = to_gate + a.width, *out = a.out + row * a.width;
        const float weight = !a.slots ? 1.0f : a.slots[row] < 0 ? 0.0f : a.weights[a.slots[row]];
        Vec to_weight = {};
        along(a.width, [&](int64_t d, auto part) {
            Vec raw = load(gate + d, part), x = smaller(raw, limit), s = sigmoid(x), activated = x * s;
            Vec value = load(up + d, part), y = smaller(larger(value, -limit), limit);
            Vec above = load(given + d, part), product = activated * y;
            to_weight += above * product;
            above = above * weight;
            store(out + d, weight * product, part);
            store(to_gate + d, raw <= limit ? above * y * (s + activated * (1.0f - s)) : none, part);
            store(to_up + d, (value <= limit) & (value >= -limit) ? above * activated : none, part);
        });
        if (a.slots && a.slots[row] >= 0) g.weights[a.slots[row]] = sum(to_weight);
    }
}

template void gather(const Gather<float>&);
template void gather(const Gather<Bf16>&);
template void combine(const Combine<float>&);
template void combine(const Combine<Bf16>&);
template void swiglu(const Swiglu<float>&);
template void swiglu(const Swiglu<Bf16>&);
template void swiglu_backward(const Swiglu<float>&, const SwigluGradients<float>&);
template void swiglu_backward(const Swiglu<Bf16>&, const SwigluGradients<Bf16>&);

}  // namespace sancai::SANCAI_ISA
