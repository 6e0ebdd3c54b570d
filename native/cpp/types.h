// What callers and kernels share: the number formats, and the arguments of every kernel.
//
// Matrices lie row by row without gaps unless a stride is named.  Pointers that may be null say so.
#pragma once

#include <cstdint>

namespace sancai {

struct Bf16 {
    uint16_t bits;
};

// One hyper-connection site: what the sublayer before gave is mixed into the streams, their coefficients are computed,
// and the streams are collapsed, normalised and modulated into the input of the next sublayer.
// L = (2 + N)·N logits a token: N of pre, N of post, N·N of comb.
template <class T>
struct Site {
    int64_t tokens, streams_count, dim, iterations;
    float eps, hc_eps;
    const T* streams;                    // (tokens, N, D)
    const T* output;                     // (tokens, D), null where nothing is mixed in
    const float *post, *comb;            // (tokens, N), (tokens, N, N) from stream j to stream k; null without output
    T* mixed;                            // (tokens, N, D), null without output
    const float *fn, *base, *scale;      // (L, N·D), (L), (3)
    const float* weight;                 // (D), of the norm
    const float* shift;                  // (frames, L), added to the logits; null where no noise level enters
    const T* modulation;                 // (frames, 2·D), scale then shift; null likewise
    const int32_t* frame;                // (tokens), null likewise
    T *normed, *read;                    // (tokens, D); `read` is null where nothing modulates
    float *post_out, *comb_out;          // (tokens, N), (tokens, N, N)
    float* saved;                        // (tokens, L + 2): projections, 1/rms of the streams, 1/rms of what is normed
};

template <class T>
struct SiteGradients {
    const T *to_mixed, *to_normed, *to_read;     // null where nothing reads them
    const float *to_post, *to_comb;              // null likewise
    T* streams;                                  // (tokens, N, D)
    T* output;                                   // (tokens, D), null like Site::output
    float *post, *comb;                          // (tokens, N), (tokens, N, N)
    float *fn, *base, *scale, *weight;           // summed over tokens: zeros at first
    float *shift;                                // (frames, L), zeros at first
    float *modulation;                           // (frames, 2·D), zeros at first
};

// Rows (rows, heads, width): root mean square norm over the width, then rotation of the last 2·pairs channels.
template <class T>
struct NormRope {
    int64_t rows, heads, width, pairs;
    const T* x;
    const float* weight;       // (width), null for none
    bool normalises;
    float eps;
    const float *cos, *sin;    // (rows, pairs), null without rotation
    float direction;           // 1 turns forward, -1 back
    T* out;
    float* inverse;            // (rows, heads): 1/rms, null without norm
};

template <class T>
struct NormRopeGradients {
    const T* to_out;
    T* x;
    float* weight;  // zeros at first; null like NormRope::weight
};

// Softmax of scores (batch, queries, heads, keys) in place, with a mask and one more logit a head that carries no value.
template <class T>
struct Softmax {
    int64_t batch, queries, heads, keys;
    float scale;
    T* scores;            // become the weights; not used backward
    const bool* mask;     // (batch, queries, keys), true may be read; not used backward
    const float* sink;    // (heads)
    float* sink_weights;  // (batch, queries, heads)
};

template <class T>
struct SoftmaxGradients {
    const T* weights;
    T* scores;            // gradient of the weights, becomes that of the products before scaling
    float* sink;          // zeros at first
};

// Rows of tokens sorted by expert, every expert's rows rounded up to a multiple: `slots` names the pair token·k + choice
// of each row, -1 for padding; `places` the row of each pair.
template <class T>
struct Gather {
    int64_t rows, dim, top_k;
    const int32_t* slots;  // (rows)
    const T* x;            // (tokens, D)
    T* out;                // (rows, D), zeros where padding is
};

template <class T>
struct Combine {
    int64_t tokens, dim, top_k;
    const int32_t* places;  // (tokens, k)
    const T* rows;          // (rows, D)
    T* out;                 // (tokens, D), the sum of each token's rows is added
};

// Clamped SwiGLU of rows (rows, 2·F), gates then values, times the weight of each row.
template <class T>
struct Swiglu {
    int64_t rows, width;
    float limit;
    const T* gate_up;
    const int32_t* slots;  // (rows), null where every row has weight 1
    const float* weights;  // one a pair; null likewise
    T* out;                // (rows, F)
};

template <class T>
struct SwigluGradients {
    const T* to_out;
    T* gate_up;      // (rows, 2·F)
    float* weights;  // one a pair; null likewise
};

// Windows of `ratio` tokens become entries; with `previous` they overlap, and tokens have 2·K channels.
constexpr int MOST_SLOTS = 256;

template <class T>
struct Compress {
    int64_t batch, tokens, entries, ratio, dim;
    const T *values, *gates;              // (batch, tokens, K or 2·K)
    const float* ape;                     // (ratio, K or 2·K)
    const int64_t *own, *previous;        // (batch, entries, ratio) columns of tokens; `previous` may be null
    const bool *has_own, *has_previous;   // which of them exist
    T* out;                               // (batch, entries, K)
};

template <class T>
struct CompressGradients {
    const T* to_out;
    T *values, *gates;  // zeros at first
    float* ape;         // zeros at first
};

// One matrix that Muon updates; `average` follows the parameter, null for none.
struct MuonMatrix {
    int64_t rows, columns;
    float *parameter, *momentum, *average;
    const float* gradient;
};

struct MuonRates {
    float rate, decay, momentum, rms;
    float follow;         // how far averages move towards the new weights
    int64_t steps;        // of Newton-Schulz
    float polynomial[3];  // its coefficients
};

struct AdamW {
    int64_t count;
    float *parameter, *mean, *square;
    const float* gradient;
    float rate, beta1, beta2, eps, decay;
    float mean_correction, square_correction;  // 1 - beta^step
};

// One instruction set's kernels for one number format, and for fp32 weights.
template <class T>
struct Kernels {
    void (*site)(const Site<T>&);
    void (*site_backward)(const Site<T>&, const SiteGradients<T>&);
    void (*norm_rope)(const NormRope<T>&);
    void (*norm_rope_backward)(const NormRope<T>&, const NormRopeGradients<T>&);
    void (*softmax)(const Softmax<T>&);
    void (*softmax_backward)(const Softmax<T>&, const SoftmaxGradients<T>&);
    void (*gather)(const Gather<T>&);
    void (*combine)(const Combine<T>&);
    void (*swiglu)(const Swiglu<T>&);
    void (*swiglu_backward)(const Swiglu<T>&, const SwigluGradients<T>&);
    void (*compress)(const Compress<T>&);
    void (*compress_backward)(const Compress<T>&, const CompressGradients<T>&);
    void (*muon)(const MuonMatrix*, int64_t count, const MuonRates&);
    void (*adamw)(const AdamW&);
};

}  // namespace sancai
