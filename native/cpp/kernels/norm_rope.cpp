// Root-mean-square norm and rotary positions in one walk.

#include "../kernels.h"
#include "../simd.h"

namespace sancai::SANCAI_ISA {
namespace {

constexpr int64_t MOST_ROTATED = 1024;

// One row's angles, a number a channel: x · c + partner · s turns a pair.
struct Turn {
    float c[MOST_ROTATED], s[MOST_ROTATED];

    template <class T>
    void set(const NormRope<T>& a, int64_t row, float direction) {
        for (int64_t i = 0; i < a.pairs; i++) {
            const float cos = a.cos[row * a.pairs + i], sin = direction * a.sin[row * a.pairs + i];
            c[2 * i] = c[2 * i + 1] = cos;
            s[2 * i] = -sin;
            s[2 * i + 1] = sin;
        }
    }

    void apply(float* x, int64_t count) const {
        along(count, [&](int64_t d, auto part) {
            Vec v = load(x + d, part), partner = swapped(v);
            store(x + d, v * load(c + d, part) + partner * load(s + d, part), part);
        });
    }

   private:
    static Vec swapped(Vec v) {
#if defined(__AVX512F__)
        return (Vec)_mm512_permute_ps((__m512)v, 0xB1);
#else
        Vec out;
        for (int i = 0; i < WIDTH; i++) out[i] = v[i ^ 1];
        return out;
#endif
    }
};

}  // namespace

template <class T>
void norm_rope(const NormRope<T>& a) {
    Turn turn;
    Buffer held(a.width);
    for (int64_t row = 0; row < a.rows; row++) {
        if (a.cos) turn.set(a, row, a.direction);
        for (int64_t head = row * a.heads; head < (row + 1) * a.heads; head++) {
            const T* x = a.x + head * a.width;
            float inverse = 1.0f;
            if (a.normalises) {
                Vec squares = {};
                along(a.width, [&](int64_t d, auto part) {
                    Vec v = load(x + d, part);
                    squares += v * v;
                });
                a.inverse[head] = inverse = 1.0f / std::sqrt(sum(squares) / a.width + a.eps);
            }
            along(a.width, [&](int64_t d, auto part) {
                Vec v = load(x + d, part) * inverse;
                store(held.data + d, a.weight ? v * load(a.weight + d, part) : v, part);
            });
            if (a.cos) turn.apply(held.data + a.width - 2 * a.pairs, 2 * a.pairs);
            along(a.width, [&](int64_t d, auto part) { store(a.out + head * a.width + d, load(held.data + d, part), part); });
        }
    }
}

template <class T>
void norm_rope_backward(const NormRope<T>& a, const NormRopeGradients<T>& g) {
    Turn turn;
    Buffer held(a.width);
    for (int64_t row = 0; row < a.rows; row++) {
        if (a.cos) turn.set(a, row, -a.direction);
        for (int64_t head = row * a.heads; head < (row + 1) * a.heads; head++) {
            const T *x = a.x + head * a.width, *to_out = g.to_out + head * a.width;
            T* to_x = g.x + head * a.width;
            along(a.width, [&](int64_t d, auto part) { store(held.data + d, load(to_out + d, part), part); });
            if (a.cos) turn.apply(held.data + a.width - 2 * a.pairs, 2 * a.pairs);
            if (!a.normalises) {
                along(a.width, [&](int64_t d, auto part) { store(to_x + d, load(held.data + d, part), part); });
                continue;
            }
            const float inverse = a.inverse[head];
            Vec along_normed = {};
            along(a.width, [&](int64_t d, auto part) {
                Vec normed = load(x + d, part) * inverse, given = load(held.data + d, part);
                if (a.weight) {
                    add_to(g.weight + d, given * normed, part);
                    given = given * load(a.weight + d, part);
                    store(held.data + d, given, part);
                }
                along_normed += given * normed;
            });
            const float mean = sum(along_normed) / a.width;
            along(a.width, [&](int64_t d, auto part) {
                Vec normed = load(x + d, part) * inverse;
                store(to_x + d, inverse * (load(held.data + d, part) - mean * normed), part);
            });
        }
    }
}

template void norm_rope(const NormRope<float>&);
template void norm_rope(const NormRope<Bf16>&);
template void norm_rope_backward(const NormRope<float>&, const NormRopeGradients<float>&);
template void norm_rope_backward(const NormRope<Bf16>&, const NormRopeGradients<Bf16>&);

}  // namespace sancai::SANCAI_ISA
