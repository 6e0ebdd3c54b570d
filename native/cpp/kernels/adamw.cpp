// AdamW's update of one tensor.

#include "../kernels.h"
#include "../simd.h"

namespace sancai::SANCAI_ISA {

namespace {
Vec square_root(Vec x) {
#if defined(__AVX512F__)
    return (Vec)_mm512_sqrt_ps((__m512)x);
#else
    for (int i = 0; i < WIDTH; i++) x[i] = std::sqrt(x[i]);
    return x;
#endif
}
}  // namespace

void adamw(const AdamW& a) {
    const float mean_share = 1.0f - a.beta1, square_share = 1.0f - a.beta2, kept = 1.0f - a.rate * a.decay;
    const float step = a.rate / a.mean_correction, root = 1.0f / std::sqrt(a.square_correction);
    along(a.count, [&](int64_t d, auto part) {
        Vec g = load(a.gradient + d, part), mean = load(a.mean + d, part);
        mean += mean_share * (g - mean);
        Vec square = a.beta2 * load(a.square + d, part) + square_share * g * g;
        store(a.mean + d, mean, part);
        store(a.square + d, square, part);
        store(a.parameter + d, kept * load(a.parameter + d, part) - step * mean / (square_root(square) * root + a.eps), part);
    });
}

}  // namespace sancai::SANCAI_ISA
