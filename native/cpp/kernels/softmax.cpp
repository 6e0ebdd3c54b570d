// Softmax with a mask and a sink, in place.

#include "../kernels.h"
#include "../simd.h"

namespace sancai::SANCAI_ISA {
namespace {

constexpr float MASKED = -1e30f;  // finite: a row that reads nothing gives its sink everything

// Additive mask of one query's keys: 0 where it may read.
void mask_row(const bool* mask, int64_t keys, float* out) {
    for (int64_t d = 0; d < keys; d++) out[d] = mask[d] ? 0.0f : MASKED;
}

}  // namespace

template <class T>
void softmax(const Softmax<T>& a) {
    Buffer masked(a.keys), held(a.keys);
    for (int64_t row = 0; row < a.batch * a.queries; row++) {
        mask_row(a.mask + row * a.keys, a.keys, masked.data);
        for (int64_t head = 0; head < a.heads; head++) {
            T* scores = a.scores + (row * a.heads + head) * a.keys;
            Vec top = splat(a.sink[head]), total = {};
            along(a.keys, [&](int64_t d, auto part) {
                Vec x = load(scores + d, part) * a.scale + load(masked.data + d, part);
                store(held.data + d, x, part);
                top = larger(top, filled(x, part, MASKED));
            });
            const float most = largest(top);
            along(a.keys, [&](int64_t d, auto part) {
                Vec x = load(held.data + d, part), seen = load(masked.data + d, part);
                x = seen == 0.0f ? exponential(x - most) : Vec{};
                store(held.data + d, x, part);
                total += filled(x, part, 0.0f);
            });
            const float to_sink = std::exp(a.sink[head] - most), inverse = 1.0f / (sum(total) + to_sink);
            a.sink_weights[row * a.heads + head] = to_sink * inverse;
            along(a.keys, [&](int64_t d, auto part) { store(scores + d, load(held.data + d, part) * inverse, part); });
        }
    }
}

template <class T>
void softmax_backward(const Softmax<T>& a, const SoftmaxGradients<T>& g) {
    for (int64_t row = 0; row < a.batch * a.queries; row++)
        for (int64_t head = 0; head < a.heads; head++) {
            const T* weights = g.weights + (row * a.heads + head) * a.keys;
            T* given = g.scores + (row * a.heads + head) * a.keys;
            Vec dot = {};
            along(a.keys, [&](int64_t d, auto part) { dot += load(weights + d, part) * load(given + d, part); });
            const float mean = sum(dot);
            g.sink[head] -= a.sink_weights[row * a.heads + head] * mean;
            along(a.keys, [&](int64_t d, auto part) {
                store(given + d, load(weights + d, part) * a.scale * (load(given + d, part) - mean), part);
            });
        }
}

template void softmax(const Softmax<float>&);
template void softmax(const Softmax<Bf16>&);
template void softmax_backward(const Softmax<float>&, const SoftmaxGradients<float>&);
template void softmax_backward(const Softmax<Bf16>&, const SoftmaxGradients<Bf16>&);

}  // namespace sancai::SANCAI_ISA
