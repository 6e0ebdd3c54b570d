// Matrix products that stay in the cache, for Newton-Schulz: in bf16 where the chip multiplies it, else in fp32.
//
// C (m, n) = A (m, k) · B (k, n), two vectors of columns at a time: `B` comes as a panel, in which `GROUP` numbers that
// follow one another along k lie side by side, so that one of 32 bits is broadcast from A.
#pragma once

#include "simd.h"

namespace sancai::SANCAI_ISA {

#if defined(__AVX512BF16__)
typedef Bf16 Number;
#else
typedef float Number;
#endif

constexpr int GROUP = 4 / sizeof(Number);
constexpr int PANEL = 2 * WIDTH;
constexpr int HEIGHT = WIDTH == 16 ? 12 : 4;  // rows a tile: what registers hold
constexpr int LOW = 4;                        // rows of the tiles at the end; all sizes are multiples of it

inline Vec accumulate(Vec sum, const float* a, const float* panel) { return sum + *a * load(panel); }

#if defined(__AVX512BF16__)
inline Vec accumulate(Vec sum, const Bf16* a, const Bf16* panel) {
    int32_t pair;
    std::memcpy(&pair, a, sizeof pair);
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)_mm512_loadu_si512(panel));
}
#endif

template <int ROWS, class Out>
inline void tile(const Number* a, int64_t stride, const Number* panel, int64_t k, Out* out, int64_t out_stride) {
    Vec held[ROWS][2] = {};
    for (int64_t p = 0; p < k; p += GROUP) {
        const Number* b = panel + p * PANEL;
#pragma GCC unroll 12
        for (int i = 0; i < ROWS; i++) {
            held[i][0] = accumulate(held[i][0], a + i * stride + p, b);
            held[i][1] = accumulate(held[i][1], a + i * stride + p, b + WIDTH * GROUP);
        }
    }
    for (int i = 0; i < ROWS; i++) {
        store(out + i * out_stride, held[i][0]);
        store(out + i * out_stride + WIDTH, held[i][1]);
    }
}

// One panel's columns of C, from row `first` on, a multiple of LOW.
template <class Out>
void multiply(const Number* a, int64_t rows, int64_t k, const Number* panel, int64_t first, Out* out, int64_t out_stride) {
    int64_t i = first;
    for (; i + HEIGHT <= rows; i += HEIGHT) tile<HEIGHT>(a + i * k, k, panel, k, out + i * out_stride, out_stride);
    for (; i < rows; i += LOW) tile<LOW>(a + i * k, k, panel, k, out + i * out_stride, out_stride);
}

#if defined(__AVX512F__)
#define SANCAI_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SANCAI_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__AVX__)
#define SANCAI_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define SANCAI_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define SANCAI_LOW 0, 4, 1, 5
#define SANCAI_HIGH 2, 6, 3, 7
#endif

// Transpose WIDTH vectors: a round of interleaving the first half with the second turns one bit of the place around.
inline void transpose(Vec (&rows)[WIDTH]) {
    for (int round = 1; round < WIDTH; round *= 2) {
        Vec turned[WIDTH];
        for (int i = 0; i < WIDTH / 2; i++) {
            turned[2 * i] = __builtin_shufflevector(rows[i], rows[i + WIDTH / 2], SANCAI_LOW);
            turned[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + WIDTH / 2], SANCAI_HIGH);
        }
        for (int i = 0; i < WIDTH; i++) rows[i] = turned[i];
    }
}
#undef SANCAI_LOW
#undef SANCAI_HIGH

// The panel of B = rowsᵀ: PANEL rows of length k, which is a multiple of WIDTH · GROUP.
inline void pack_rows(const Number* rows, int64_t k, Number* panel) {
    for (int half = 0; half < 2; half++)
        for (int64_t p = 0; p < k; p += WIDTH * GROUP) {
            Vec block[WIDTH];  // of numbers, or of pairs
            for (int i = 0; i < WIDTH; i++) std::memcpy(&block[i], rows + (half * WIDTH + i) * k + p, sizeof(Vec));
            transpose(block);
            for (int i = 0; i < WIDTH; i++)
                std::memcpy(panel + p * PANEL + (i * 2 + half) * WIDTH * GROUP, &block[i], sizeof(Vec));
        }
}

// The panel of PANEL columns of a matrix with `k` rows.
inline void pack_columns(const float* matrix, int64_t k, int64_t stride, float* panel) {
    for (int64_t p = 0; p < k; p++) std::memcpy(panel + p * PANEL, matrix + p * stride, PANEL * sizeof(float));
}

inline void pack_columns(const Bf16* matrix, int64_t k, int64_t stride, Bf16* panel) {
    for (int64_t p = 0; p < k; p += 2)
        for (int half = 0; half < 2; half++) {
            Half upper, lower;
            std::memcpy(&upper, matrix + p * stride + half * WIDTH, sizeof upper);
            std::memcpy(&lower, matrix + (p + 1) * stride + half * WIDTH, sizeof lower);
            Bits pairs = __builtin_convertvector(upper, Bits) | __builtin_convertvector(lower, Bits) << 16;
            std::memcpy(panel + p * PANEL + half * 2 * WIDTH, &pairs, sizeof pairs);
        }
}

}  // namespace sancai::SANCAI_ISA
