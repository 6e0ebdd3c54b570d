// Hyper-connection sites.  Tokens go in tiles of one vector: streams are walked token by token along their channels,
// the few coefficients of all tokens of a tile side by side.

#include "../coefficients.h"
#include "../kernels.h"

namespace sancai::SANCAI_ISA {
namespace {

constexpr int TILE = WIDTH;

// streams · comb + post · output of one token.
template <int N, class T>
void mix(const T* streams, const T* output, const float* post, const float* comb, int64_t dim, T* mixed) {
    along(dim, [&](int64_t d, auto part) {
        Vec given = load(output + d, part);
        for (int k = 0; k < N; k++) {
            Vec v = post[k] * given;
            for (int j = 0; j < N; j++) v += comb[j * N + k] * load(streams + j * dim + d, part);
            store(mixed + k * dim + d, v, part);
        }
    });
}

// Write the projections of one token's normalised streams and return 1/rms.
template <int N, class T>
float project(const Site<T>& a, const T* streams, float* projected) {
    constexpr int L = logit_count(N);
    const int64_t size = N * a.dim;
    Vec held[L] = {}, squares = {};
    along(size, [&](int64_t d, auto part) {
        Vec v = load(streams + d, part);
        squares += v * v;
        for (int k = 0; k < L; k++) held[k] += v * load(a.fn + k * size + d, part);
    });
    const float inverse = 1.0f / std::sqrt(sum(squares) / size + a.eps);
    for (int k = 0; k < L; k++) projected[k] = sum(held[k]) * inverse;
    return inverse;
}

// Logits of a tile, lane by lane, from the projections that were kept.
template <int N, class T>
void gather_logits(const Site<T>& a, int64_t first, int count, Lanes (&logits)[logit_count(N)]) {
    constexpr int L = logit_count(N);
    for (int i = 0; i < count; i++) {
        const float* projected = a.saved + (first + i) * (L + 2);
        const float* shift = a.shift ? a.shift + a.frame[first + i] * L : nullptr;
        for (int k = 0; k < L; k++)
            logits[k].at[i] = projected[k] * a.scale[kind_of(k, N)] + a.base[k] + (shift ? shift[k] : 0.0f);
    }
}

// The sublayer's input of one token; returns 1/rms of the collapsed streams.
template <int N, class T>
float collapse(const Site<T>& a, int64_t token, const T* streams, const float (&pre)[N], float* held) {
    Vec squares = {};
    along(a.dim, [&](int64_t d, auto part) {
        Vec z = pre[0] * load(streams + d, part);
        for (int j = 1; j < N; j++) z += pre[j] * load(streams + j * a.dim + d, part);
        squares += z * z;
        store(held + d, z, part);
    });
    const float inverse = 1.0f / std::sqrt(sum(squares) / a.dim + a.eps);
    const T* modulation = a.read ? a.modulation + a.frame[token] * 2 * a.dim : nullptr;
    along(a.dim, [&](int64_t d, auto part) {
        Vec h = load(held + d, part) * inverse * load(a.weight + d, part);
        store(a.normed + token * a.dim + d, h, part);
        if (!a.read) return;
        Vec factor = 1.0f + load(modulation + d, part);
        store(a.read + token * a.dim + d, h * factor + load(modulation + a.dim + d, part), part);
    });
    return inverse;
}

template <int N, class T>
void forward(const Site<T>& a) {
    constexpr int L = logit_count(N);
    const int64_t size = N * a.dim;
    Coefficients<N> c;
    Lanes logits[L] = {};
    Buffer held(a.dim);
    for (int64_t first = 0; first < a.tokens; first += TILE) {
        const int count = a.tokens - first < TILE ? int(a.tokens - first) : TILE;
        for (int64_t t = first; t < first + count; t++) {
            if (a.output)
                mix<N>(a.streams + t * size, a.output + t * a.dim, a.post + t * N, a.comb + t * N * N, a.dim,
                       a.mixed + t * size);
            float* saved = a.saved + t * (L + 2);
            saved[L] = project<N>(a, (a.output ? a.mixed : a.streams) + t * size, saved);
        }
        gather_logits<N>(a, first, count, logits);
        c.compute(logits, int(a.iterations), a.hc_eps);
        for (int i = 0; i < count; i++) {
            const int64_t t = first + i;
            float pre[N];
            for (int j = 0; j < N; j++) pre[j] = c.pre[j][i];
            for (int j = 0; j < N; j++) a.post_out[t * N + j] = c.post[j][i];
            for (int j = 0; j < N * N; j++) a.comb_out[t * N * N + j] = c.comb()[j][i];
            const T* streams = (a.output ? a.mixed : a.streams) + t * size;
            a.saved[t * (L + 2) + L + 1] = collapse<N>(a, t, streams, pre, held.data);
        }
    }
}

// Through modulation and norm: the gradient of one token's collapsed streams goes to `out`, those of pre are returned.
template <int N, class T>
void collapse_back(const Site<T>& a, const SiteGradients<T>& g, int64_t token, const float (&pre)[N], float inverse,
                   float* out, float* normed, float (&to_pre)[N]) {
    const int64_t dim = a.dim, frame = a.modulation ? a.frame[token] * 2 * dim : 0;
    const T* streams = (a.output ? a.mixed : a.streams) + token * N * dim;
    Vec along_normed = {};
    along(dim, [&](int64_t d, auto part) {
        Vec z = pre[0] * load(streams + d, part);
        for (int j = 1; j < N; j++) z += pre[j] * load(streams + j * dim + d, part);
        Vec y = z * inverse, weight = load(a.weight + d, part);
        Vec to_h = g.to_normed ? load(g.to_normed + token * dim + d, part) : Vec{};
        if (a.modulation && g.to_read) {
            Vec to_read = load(g.to_read + token * dim + d, part);
            add_to(g.modulation + frame + d, to_read * y * weight, part);
            add_to(g.modulation + frame + dim + d, to_read, part);
            to_h += to_read * (1.0f + load(a.modulation + frame + d, part));
        }
        add_to(g.weight + d, to_h * y, part);
        Vec to_y = to_h * weight;
        along_normed += to_y * y;
        store(out + d, to_y, part);
        store(normed + d, y, part);
    });
    const float mean = sum(along_normed) / dim;
    Vec held[N] = {};
    along(dim, [&](int64_t d, auto part) {
        Vec to_z = inverse * (load(out + d, part) - mean * load(normed + d, part));
        store(out + d, to_z, part);
        for (int j = 0; j < N; j++) held[j] += to_z * load(streams + j * dim + d, part);
    });
    for (int j = 0; j < N; j++) to_pre[j] = sum(held[j]);
}

// Sum up the gradients of fn, and return in `out` (N, D) that of one token's mixed streams.
template <int N, class T>
void project_back(const Site<T>& a, const SiteGradients<T>& g, int64_t token, const float (&pre)[N],
                  const float* to_collapsed, const float (&to_projected)[logit_count(N)], float to_norm, float* out) {
    constexpr int L = logit_count(N);
    const int64_t dim = a.dim, size = N * dim;
    const T* streams = (a.output ? a.mixed : a.streams) + token * size;
    for (int j = 0; j < N; j++)
        along(dim, [&](int64_t d, auto part) {
            const int64_t at = j * dim + d;
            Vec x = load(streams + at, part), v = pre[j] * load(to_collapsed + d, part) + to_norm * x;
            if (g.to_mixed) v += load(g.to_mixed + token * size + at, part);
            for (int k = 0; k < L; k++) {
                v += to_projected[k] * load(a.fn + k * size + at, part);
                add_to(g.fn + k * size + at, to_projected[k] * x, part);
            }
            store(out + at, v, part);
        });
}

// Through the mixing of one token: `given` (N, D) is the gradient of the mixed streams.
template <int N, class T>
void mix_back(const Site<T>& a, const SiteGradients<T>& g, int64_t token, const float* given) {
    const int64_t dim = a.dim, size = N * dim;
    const T *streams = a.streams + token * size, *output = a.output + token * dim;
    const float *post = a.post + token * N, *comb = a.comb + token * N * N;
    Vec to_post[N] = {}, to_comb[N * N] = {};
    along(dim, [&](int64_t d, auto part) {
        Vec o = load(output + d, part), to_output = {}, above[N];
        for (int k = 0; k < N; k++) {
            above[k] = load(given + k * dim + d, part);
            to_output += post[k] * above[k];
            to_post[k] += above[k] * o;
        }
        store(g.output + token * dim + d, to_output, part);
        for (int j = 0; j < N; j++) {
            Vec s = load(streams + j * dim + d, part), to_stream = {};
            for (int k = 0; k < N; k++) {
                to_stream += comb[j * N + k] * above[k];
                to_comb[j * N + k] += s * above[k];
            }
            store(g.streams + token * size + j * dim + d, to_stream, part);
        }
    });
    for (int k = 0; k < N; k++) g.post[token * N + k] = sum(to_post[k]);
    for (int k = 0; k < N * N; k++) g.comb[token * N * N + k] = sum(to_comb[k]);
}

template <int N, class T>
void backward(const Site<T>& a, const SiteGradients<T>& g) {
    constexpr int L = logit_count(N);
    const int64_t dim = a.dim, size = N * dim;
    Coefficients<N> c;
    Lanes logits[L] = {}, to_logits[L] = {}, to_pre[N] = {}, to_post[N] = {}, to_comb[N * N] = {};
    Buffer to_collapsed(TILE * dim), normed(dim), to_mixed(size);
    for (int64_t first = 0; first < a.tokens; first += TILE) {
        const int count = a.tokens - first < TILE ? int(a.tokens - first) : TILE;
        gather_logits<N>(a, first, count, logits);
        c.compute(logits, int(a.iterations), a.hc_eps);
        for (int i = 0; i < count; i++) {
            const int64_t t = first + i;
            float pre[N], found[N];
            for (int j = 0; j < N; j++) pre[j] = c.pre[j][i];
            collapse_back<N>(a, g, t, pre, a.saved[t * (L + 2) + L + 1], to_collapsed.data + i * dim, normed.data, found);
            for (int j = 0; j < N; j++) to_pre[j].at[i] = found[j];
            for (int j = 0; j < N; j++) to_post[j].at[i] = g.to_post ? g.to_post[t * N + j] : 0.0f;
            for (int j = 0; j < N * N; j++) to_comb[j].at[i] = g.to_comb ? g.to_comb[t * N * N + j] : 0.0f;
        }
        c.backward(to_pre, to_post, to_comb, int(a.iterations), to_logits);
        for (int i = 0; i < count; i++) {
            const int64_t t = first + i;
            const float* saved = a.saved + t * (L + 2);
            float pre[N], to_projected[L], along_projected = 0.0f;
            for (int j = 0; j < N; j++) pre[j] = c.pre[j][i];
            for (int k = 0; k < L; k++) {
                const float to_logit = to_logits[k].at[i];
                g.base[k] += to_logit;
                g.scale[kind_of(k, N)] += to_logit * saved[k];
                if (a.shift) g.shift[a.frame[t] * L + k] += to_logit;
                const float to_one = to_logit * a.scale[kind_of(k, N)];
                along_projected += to_one * saved[k];
                to_projected[k] = to_one * saved[L];
            }
            const float to_norm = -along_projected * saved[L] * saved[L] / size;
            project_back<N>(a, g, t, pre, to_collapsed.data + i * dim, to_projected, to_norm, to_mixed.data);
            if (a.output)
                mix_back<N>(a, g, t, to_mixed.data);
            else
                along(size, [&](int64_t d, auto part) { store(g.streams + t * size + d, load(to_mixed.data + d, part), part); });
        }
    }
}

}  // namespace

template <class T>
void site(const Site<T>& a) {
    a.streams_count == 2 ? forward<2>(a) : forward<4>(a);
}

template <class T>
void site_backward(const Site<T>& a, const SiteGradients<T>& g) {
    a.streams_count == 2 ? backward<2>(a, g) : backward<4>(a, g);
}

template void site(const Site<float>&);
template void site(const Site<Bf16>&);
template void site_backward(const Site<float>&, const SiteGradients<float>&);
template void site_backward(const Site<Bf16>&, const SiteGradients<Bf16>&);

}  // namespace sancai::SANCAI_ISA
