// Vectors of one instruction set: this header is compiled once for each, under the namespace SANCAI_ISA names.
//
// A kernel walks along channels with `along`, which calls its body for whole vectors and once more for the rest:
//
//     along(dim, [&](int64_t d, auto part) { store(out + d, load(x + d, part) * weight, part); });
//
// Arithmetic is fp32 whatever is stored.  Nothing here or in the kernels uses templates of the standard library: the
// linker keeps one copy of those, which another instruction set may have compiled.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "types.h"

namespace sancai::SANCAI_ISA {

#if defined(__AVX512F__)
constexpr int WIDTH = 16;
#elif defined(__AVX__)
constexpr int WIDTH = 8;
#else
constexpr int WIDTH = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Int __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t Bits __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t Half __attribute__((vector_size(2 * WIDTH)));

// How much of a vector exists.
struct Whole {};
struct Rest {
    int64_t count;
};

template <class Body>
inline void along(int64_t count, Body body) {
    int64_t d = 0;
    for (; d + WIDTH <= count; d += WIDTH) body(d, Whole{});
    if (d < count) body(d, Rest{count - d});
}

inline Vec splat(float x) { return Vec{} + x; }

inline Vec load(const float* from, Whole = {}) {
    Vec v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

inline Vec load(const Bf16* from, Whole = {}) {
    Half h;
    std::memcpy(&h, from, sizeof h);
    return (Vec)(__builtin_convertvector(h, Bits) << 16);
}

inline void store(float* to, Vec v, Whole = {}) { std::memcpy(to, &v, sizeof v); }

// Rounds to the nearest, ties to even; NaN stays NaN.
inline void store(Bf16* to, Vec v, Whole = {}) {
#if defined(__AVX512BF16__)
    __m256bh h = _mm512_cvtneps_pbh((__m512)v);
#else
    Bits u = (Bits)v;
    Bits rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    Half h = __builtin_convertvector(v == v ? rounded : (u >> 16) | 0x40, Half);
#endif
    std::memcpy(to, &h, sizeof h);
}

template <class T>
inline Vec load(const T* from, Rest part) {
    T held[WIDTH] = {};
    std::memcpy(held, from, part.count * sizeof(T));
    return load(held);
}

template <class T>
inline void store(T* to, Vec v, Rest part) {
    T held[WIDTH];
    store(held, v);
    std::memcpy(to, held, part.count * sizeof(T));
}

template <class Part>
inline void add_to(float* to, Vec v, Part part) {
    store(to, load(to, part) + v, part);
}

inline float sum(Vec v) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)v);
#else
    float lanes[WIDTH];
    store(lanes, v);
    for (int step = WIDTH / 2; step; step /= 2)
        for (int i = 0; i < step; i++) lanes[i] += lanes[i + step];
    return lanes[0];
#endif
}

inline Vec smaller(Vec a, Vec b) { return a < b ? a : b; }
inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }

// The vector with lanes that do not exist set to `filler`.
inline Vec filled(Vec v, Whole, float) { return v; }
inline Vec filled(Vec v, Rest part, float filler) {
    float lanes[WIDTH];
    store(lanes, v);
    for (int64_t i = part.count; i < WIDTH; i++) lanes[i] = filler;
    return load(lanes);
}

inline float largest(Vec v) {
    float lanes[WIDTH];
    store(lanes, v);
    for (int step = WIDTH / 2; step; step /= 2)
        for (int i = 0; i < step; i++) lanes[i] = lanes[i] > lanes[i + step] ? lanes[i] : lanes[i + step];
    return lanes[0];
}

// e to the x, with a relative error of about 2e-7 (Cephes' polynomial); clamped where fp32 ends.
inline Vec exponential(Vec x) {
    const float ROUNDER = 12582912.0f;  // 1.5 · 2^23: adding it rounds to a whole number
    x = smaller(larger(x, splat(-87.0f)), splat(88.0f));
    Vec shifted = x * 1.44269504f + ROUNDER;
    Vec n = shifted - ROUNDER;
    Vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    Int power = ((Int)shifted - 0x4b400000 + 127) << 23;
    return p * (Vec)power;
}

// fp32 memory of one call.
struct Buffer {
    float* data;
    explicit Buffer(int64_t count) : data(new float[count]) {}
    ~Buffer() { delete[] data; }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
};

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exponential(-x)); }

}  // namespace sancai::SANCAI_ISA
