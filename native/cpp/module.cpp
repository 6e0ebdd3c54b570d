// The Python module: checks tensors, releases Python's lock, calls the kernels of this machine.

#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "arrays.h"
#include "dispatch.h"

namespace sancai {
namespace {

// What the forward and the backward pass of a site are given alike.
struct SiteArrays {
    Array streams;
    Maybe output, post, comb, mixed;
    Array fn, base, scale, weight;
    Maybe shift, modulation, frame;
    Array saved;
    int64_t iterations;
    double eps, hc_eps;

    int64_t frame_count() const { return shift ? size_of(*shift) / int64_t(shift->shape(shift->ndim() - 1)) : 0; }

    template <class T>
    Site<T> as() const {
        Site<T> a = {};
        if (streams.ndim() != 4) throw std::invalid_argument("streams must be (B, T, N, D)");
        const int64_t n = int64_t(streams.shape(2)), dim = int64_t(streams.shape(3)), logits = (2 + n) * n;
        const int64_t tokens = int64_t(streams.shape(0) * streams.shape(1));
        if (n != 2 && n != 4) throw std::invalid_argument("a site has 2 or 4 streams");
        if (iterations < 1 || iterations > 32) throw std::invalid_argument("a site has 1 to 32 Sinkhorn iterations");
        a.tokens = tokens, a.streams_count = n, a.dim = dim, a.iterations = iterations;
        a.eps = float(eps), a.hc_eps = float(hc_eps);
        a.streams = data<T>(streams, tokens * n * dim, "streams");
        a.output = data<T>(output, tokens * dim, "output");
        a.post = data<float>(post, tokens * n, "post");
        a.comb = data<float>(comb, tokens * n * n, "comb");
        a.mixed = data<T>(mixed, tokens * n * dim, "mixed");
        a.fn = data<float>(fn, logits * n * dim, "fn");
        a.base = data<float>(base, logits, "base");
        a.scale = data<float>(scale, 3, "scale");
        a.weight = data<float>(weight, dim, "weight");
        const int64_t frames = frame_count();
        a.shift = data<float>(shift, frames * logits, "shift");
        a.modulation = data<T>(modulation, frames * 2 * dim, "modulation");
        a.frame = data<int32_t>(frame, tokens, "frame");
        for (int64_t t = 0; a.frame && t < tokens; t++)
            if (a.frame[t] < 0 || a.frame[t] >= frames) throw std::invalid_argument("a token names a frame that is not there");
        a.saved = data<float>(saved, tokens * (logits + 2), "saved");
        return a;
    }
};

void site(const SiteArrays& arrays, const Array& normed, const Maybe& read, const Array& post, const Array& comb) {
    with_format(arrays.streams, [&](auto number) {
        using T = decltype(number);
        Site<T> a = arrays.as<T>();
        a.normed = data<T>(normed, a.tokens * a.dim, "normed");
        a.read = data<T>(read, a.tokens * a.dim, "read");
        a.post_out = data<float>(post, a.tokens * a.streams_count, "post");
        a.comb_out = data<float>(comb, a.tokens * a.streams_count * a.streams_count, "comb");
        nb::gil_scoped_release free;
        kernels<T>().site(a);
    });
}

void site_backward(const SiteArrays& arrays, const std::tuple<Maybe, Maybe, Maybe, Maybe, Maybe>& given,
                   const std::tuple<Array, Maybe, Maybe, Maybe>& tokens,
                   const std::tuple<Array, Array, Array, Array, Maybe, Maybe>& weights) {
    with_format(arrays.streams, [&](auto number) {
        using T = decltype(number);
        Site<T> a = arrays.as<T>();
        const int64_t n = a.streams_count, logits = (2 + n) * n, one = a.tokens * a.dim;
        const int64_t frames = arrays.frame_count();
        SiteGradients<T> g = {};
        g.to_mixed = data<T>(std::get<0>(given), one * n, "gradient of the streams");
        g.to_normed = data<T>(std::get<1>(given), one, "gradient of the normed input");
        g.to_read = data<T>(std::get<2>(given), one, "gradient of the modulated input");
        g.to_post = data<float>(std::get<3>(given), a.tokens * n, "gradient of post");
        g.to_comb = data<float>(std::get<4>(given), a.tokens * n * n, "gradient of comb");
        g.streams = data<T>(std::get<0>(tokens), one * n, "streams");
        g.output = data<T>(std::get<1>(tokens), one, "output");
        g.post = data<float>(std::get<2>(tokens), a.tokens * n, "post");
        g.comb = data<float>(std::get<3>(tokens), a.tokens * n * n, "comb");
        g.fn = data<float>(std::get<0>(weights), logits * n * a.dim, "fn");
        g.base = data<float>(std::get<1>(weights), logits, "base");
        g.scale = data<float>(std::get<2>(weights), 3, "scale");
        g.weight = data<float>(std::get<3>(weights), a.dim, "weight");
        g.shift = data<float>(std::get<4>(weights), frames * logits, "shift");
        g.modulation = data<float>(std::get<5>(weights), frames * 2 * a.dim, "modulation");
        nb::gil_scoped_release free;
        kernels<T>().site_backward(a, g);
    });
}

template <class T>
NormRope<T> norm_rope_of(const Array& x, int64_t heads, const Maybe& weight, const Maybe& cos, const Maybe& sin,
                         bool backwards, double eps, const Maybe& inverse) {
    NormRope<T> a = {};
    a.width = int64_t(x.shape(x.ndim() - 1));
    a.heads = heads, a.rows = size_of(x) / (a.heads * a.width);
    a.pairs = cos ? size_of(*cos) / a.rows : 0;
    if (2 * a.pairs > a.width || a.pairs > 512) throw std::invalid_argument("too many channels are rotated");
    a.weight = data<float>(weight, a.width, "weight");
    a.normalises = bool(inverse), a.eps = float(eps), a.direction = backwards ? -1.0f : 1.0f;
    a.cos = data<float>(cos, a.rows * a.pairs, "cos");
    a.sin = data<float>(sin, a.rows * a.pairs, "sin");
    a.inverse = data<float>(inverse, a.rows * a.heads, "inverse");
    return a;
}

void norm_rope(const Array& x, int64_t heads, const Maybe& weight, const Maybe& cos, const Maybe& sin, bool backwards,
               double eps, const Maybe& inverse, const Array& out) {
    with_format(x, [&](auto number) {
        using T = decltype(number);
        NormRope<T> a = norm_rope_of<T>(x, heads, weight, cos, sin, backwards, eps, inverse);
        a.x = data<T>(x, size_of(x), "x");
        a.out = data<T>(out, size_of(x), "out");
        nb::gil_scoped_release free;
        kernels<T>().norm_rope(a);
    });
}

// x is not read without a norm; then any tensor of its shape will do.
void norm_rope_backward(const Array& x, int64_t heads, const Maybe& weight, const Maybe& cos, const Maybe& sin,
                        bool backwards, const Maybe& inverse, const Array& to_out, const Array& to_x,
                        const Maybe& to_weight) {
    with_format(x, [&](auto number) {
        using T = decltype(number);
        NormRope<T> a = norm_rope_of<T>(x, heads, weight, cos, sin, backwards, 0.0, inverse);
        a.x = data<T>(x, size_of(x), "x");
        NormRopeGradients<T> g = {data<T>(to_out, size_of(x), "gradient"), data<T>(to_x, size_of(x), "gradient of x"),
                                  data<float>(to_weight, a.width, "gradient of the weight")};
        nb::gil_scoped_release free;
        kernels<T>().norm_rope_backward(a, g);
    });
}

template <class T>
Softmax<T> softmax_of(const Array& scores, double scale, const Array& sink_weights) {
    if (scores.ndim() != 4) throw std::invalid_argument("scores must be (batch, queries, heads, keys)");
    Softmax<T> a = {};
    a.batch = int64_t(scores.shape(0)), a.queries = int64_t(scores.shape(1));
    a.heads = int64_t(scores.shape(2)), a.keys = int64_t(scores.shape(3));
    a.scale = float(scale);
    a.sink_weights = data<float>(sink_weights, a.batch * a.queries * a.heads, "weights of the sink");
    return a;
}

void softmax(const Array& scores, const Array& mask, const Array& sink, double scale, const Array& sink_weights) {
    with_format(scores, [&](auto number) {
        using T = decltype(number);
        Softmax<T> a = softmax_of<T>(scores, scale, sink_weights);
        a.scores = data<T>(scores, size_of(scores), "scores");
        a.mask = data<bool>(mask, a.batch * a.queries * a.keys, "mask");
        a.sink = data<float>(sink, a.heads, "sink");
        nb::gil_scoped_release free;
        kernels<T>().softmax(a);
    });
}

void softmax_backward(const Array& weights, const Array& gradient, double scale, const Array& sink_weights,
                      const Array& to_sink) {
    with_format(weights, [&](auto number) {
        using T = decltype(number);
        Softmax<T> a = softmax_of<T>(weights, scale, sink_weights);
        SoftmaxGradients<T> g = {data<T>(weights, size_of(weights), "weights"),
                                 data<T>(gradient, size_of(weights), "gradient"),
                                 data<float>(to_sink, a.heads, "gradient of the sink")};
        nb::gil_scoped_release free;
        kernels<T>().softmax_backward(a, g);
    });
}

// Sort pairs by expert; returns the first row of every expert and of what follows the last.
std::vector<int64_t> sort_pairs(const Array& chosen, int64_t experts, int64_t multiple, const Array& places,
                                const Array& slots) {
    const int64_t pairs = size_of(chosen);
    const int64_t* expert = data<int64_t>(chosen, pairs, "chosen experts");
    int32_t* place = data<int32_t>(places, pairs, "places");
    std::vector<int64_t> count(experts), first(experts + 1);
    for (int64_t i = 0; i < pairs; i++) {
        if (expert[i] < 0 || expert[i] >= experts) throw std::invalid_argument("a token chose an expert that is not there");
        count[expert[i]]++;
    }
    for (int64_t e = 0; e < experts; e++) first[e + 1] = first[e] + (count[e] + multiple - 1) / multiple * multiple;
    if (first[experts] > size_of(slots)) throw std::invalid_argument("there are too few slots");
    int32_t* slot = data<int32_t>(slots, size_of(slots), "slots");
    std::fill(slot, slot + first[experts], -1);
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (int64_t i = 0; i < pairs; i++) slot[place[i] = int32_t(next[expert[i]]++)] = int32_t(i);
    return first;
}

void gather(const Array& x, const Array& slots, int64_t top_k, const Array& out) {
    with_format(x, [&](auto number) {
        using T = decltype(number);
        const int64_t rows = size_of(slots), dim = int64_t(x.shape(1));
        Gather<T> a = {rows, dim, top_k, data<int32_t>(slots, rows, "slots"), data<T>(x, size_of(x), "x"),
                       data<T>(out, rows * dim, "out")};
        nb::gil_scoped_release free;
        kernels<T>().gather(a);
    });
}

void combine(const Array& rows, const Array& places, const Array& out) {
    with_format(rows, [&](auto number) {
        using T = decltype(number);
        const int64_t tokens = int64_t(out.shape(0)), dim = int64_t(out.shape(1));
        Combine<T> a = {tokens, dim, size_of(places) / tokens, data<int32_t>(places, size_of(places), "places"),
                        data<T>(rows, size_of(rows), "rows"), data<T>(out, tokens * dim, "out")};
        nb::gil_scoped_release free;
        kernels<T>().combine(a);
    });
}

template <class T>
Swiglu<T> swiglu_of(const Array& gate_up, const Maybe& slots, const Maybe& weights, double limit, const Array& out) {
    const int64_t rows = int64_t(gate_up.shape(0)), width = int64_t(gate_up.shape(1)) / 2;
    return {rows, width, float(limit), data<T>(gate_up, rows * 2 * width, "gate_up"),
            data<int32_t>(slots, rows, "slots"), weights ? data<float>(*weights, size_of(*weights), "weights") : nullptr,
            data<T>(out, rows * width, "out")};
}

void swiglu(const Array& gate_up, const Maybe& slots, const Maybe& weights, double limit, const Array& out) {
    with_format(gate_up, [&](auto number) {
        using T = decltype(number);
        Swiglu<T> a = swiglu_of<T>(gate_up, slots, weights, limit, out);
        nb::gil_scoped_release free;
        kernels<T>().swiglu(a);
    });
}

void swiglu_backward(const Array& gate_up, const Maybe& slots, const Maybe& weights, double limit, const Array& out,
                     const Array& to_out, const Array& to_gate_up, const Maybe& to_weights) {
    with_format(gate_up, [&](auto number) {
        using T = decltype(number);
        Swiglu<T> a = swiglu_of<T>(gate_up, slots, weights, limit, out);
        SwigluGradients<T> g = {data<T>(to_out, a.rows * a.width, "gradient"),
                                data<T>(to_gate_up, a.rows * 2 * a.width, "gradient of gate_up"),
                                weights ? data<float>(to_weights, size_of(*weights), "gradient of weights") : nullptr};
        nb::gil_scoped_release free;
        kernels<T>().swiglu_backward(a, g);
    });
}

template <class T>
Compress<T> compress_of(const Array& values, const Array& gates, const Array& ape, const Array& own, const Array& has_own,
                        const Maybe& previous, const Maybe& has_previous) {
    if (values.ndim() != 3 || own.ndim() != 3) throw std::invalid_argument("values and windows have three dimensions");
    Compress<T> a = {};
    const int64_t width = int64_t(values.shape(2));
    a.batch = int64_t(values.shape(0)), a.tokens = int64_t(values.shape(1));
    a.entries = int64_t(own.shape(1)), a.ratio = int64_t(own.shape(2));
    a.dim = previous ? width / 2 : width;
    if (2 * a.ratio > MOST_SLOTS) throw std::invalid_argument("windows are too long");
    const int64_t slots = a.batch * a.entries * a.ratio;
    a.values = data<T>(values, a.batch * a.tokens * width, "values");
    a.gates = data<T>(gates, a.batch * a.tokens * width, "gates");
    a.ape = data<float>(ape, a.ratio * width, "ape");
    a.own = data<int64_t>(own, slots, "windows"), a.has_own = data<bool>(has_own, slots, "windows");
    a.previous = data<int64_t>(previous, slots, "windows"), a.has_previous = data<bool>(has_previous, slots, "windows");
    for (int64_t i = 0; i < slots; i++)
        if (a.own[i] < 0 || a.own[i] >= a.tokens || (a.previous && (a.previous[i] < 0 || a.previous[i] >= a.tokens)))
            throw std::invalid_argument("a window names a token that is not there");
    return a;
}

void compress(const Array& values, const Array& gates, const Array& ape, const Array& own, const Array& has_own,
              const Maybe& previous, const Maybe& has_previous, const Array& out) {
    with_format(values, [&](auto number) {
        using T = decltype(number);
        Compress<T> a = compress_of<T>(values, gates, ape, own, has_own, previous, has_previous);
        a.out = data<T>(out, a.batch * a.entries * a.dim, "out");
        nb::gil_scoped_release free;
        kernels<T>().compress(a);
    });
}

void compress_backward(const Array& values, const Array& gates, const Array& ape, const Array& own, const Array& has_own,
                       const Maybe& previous, const Maybe& has_previous, const Array& to_out, const Array& to_values,
                       const Array& to_gates, const Array& to_ape) {
    with_format(values, [&](auto number) {
        using T = decltype(number);
        Compress<T> a = compress_of<T>(values, gates, ape, own, has_own, previous, has_previous);
        CompressGradients<T> g = {data<T>(to_out, a.batch * a.entries * a.dim, "gradient"),
                                  data<T>(to_values, size_of(values), "gradient of values"),
                                  data<T>(to_gates, size_of(gates), "gradient of gates"),
                                  data<float>(to_ape, size_of(ape), "gradient of ape")};
        nb::gil_scoped_release free;
        kernels<T>().compress_backward(a, g);
    });
}

// Updates matrices, and stacks of them (n, R, C), in place.
void muon(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
          const std::vector<Array>& momenta, const std::optional<std::vector<Array>>& averages, double rate,
          double decay, double momentum, double rms, double follow, int64_t steps,
          const std::tuple<double, double, double>& polynomial) {
    if (gradients.size() != parameters.size() || momenta.size() != parameters.size() ||
        (averages && averages->size() != parameters.size()))
        throw std::invalid_argument("there must be as many gradients, momenta and averages as parameters");
    std::vector<MuonMatrix> matrices;
    for (size_t n = 0; n < parameters.size(); n++) {
        const Array& p = parameters[n];
        if (p.ndim() < 2) throw std::invalid_argument("Muon updates matrices");
        const int64_t rows = int64_t(p.shape(p.ndim() - 2)), columns = int64_t(p.shape(p.ndim() - 1));
        const int64_t size = size_of(p);
        float *parameter = data<float>(p, size, "parameter"), *moved = data<float>(momenta[n], size, "momentum");
        float* average = averages ? data<float>((*averages)[n], size, "average") : nullptr;
        const float* gradient = data<float>(gradients[n], size, "gradient");
        for (int64_t at = 0; at < size; at += rows * columns)
            matrices.push_back({rows, columns, parameter + at, moved + at, average ? average + at : nullptr, gradient + at});
    }
    const MuonRates rates = {float(rate), float(decay), float(momentum), float(rms), float(follow), steps,
                             {float(std::get<0>(polynomial)), float(std::get<1>(polynomial)), float(std::get<2>(polynomial))}};
    nb::gil_scoped_release free;
    kernels<float>().muon(matrices.data(), int64_t(matrices.size()), rates);
}

void adamw(const Array& parameter, const Array& gradient, const Array& mean, const Array& square, int64_t step,
           double rate, double beta1, double beta2, double eps, double decay) {
    const int64_t count = size_of(parameter);
    AdamW a = {count, data<float>(parameter, count, "parameter"), data<float>(mean, count, "mean"),
               data<float>(square, count, "square"), data<float>(gradient, count, "gradient"),
               float(rate), float(beta1), float(beta2), float(eps), float(decay),
               float(1.0 - std::pow(beta1, double(step))), float(1.0 - std::pow(beta2, double(step)))};
    nb::gil_scoped_release free;
    kernels<float>().adamw(a);
}

}  // namespace
}  // namespace sancai

NB_MODULE(_kernels, m) {
    using namespace sancai;
    m.def("instruction_set", &instruction_set, "Return the instruction set in use.");

    nb::class_<SiteArrays>(m, "Site", "A hyper-connection site: its streams, what is mixed into them, its weights.")
        .def(
            "__init__",
            [](SiteArrays* self, Array streams, Maybe output, Maybe post, Maybe comb, Maybe mixed, Array fn, Array base,
               Array scale, Array weight, Maybe shift, Maybe modulation, Maybe frame, Array saved, int64_t iterations,
               double eps, double hc_eps) {
                new (self) SiteArrays{streams, output, post,  comb,       mixed, fn,    base,       scale, weight,
                                      shift,   modulation, frame, saved, iterations, eps,   hc_eps};
            },
            nb::arg("streams"), nb::arg("output").none(), nb::arg("post").none(), nb::arg("comb").none(),
            nb::arg("mixed").none(), nb::arg("fn"), nb::arg("base"), nb::arg("scale"), nb::arg("weight"),
            nb::arg("shift").none(), nb::arg("modulation").none(), nb::arg("frame").none(), nb::arg("saved"),
            nb::arg("iterations"), nb::arg("eps"), nb::arg("hc_eps"));
    m.def("site", &site, nb::arg("site"), nb::arg("normed"), nb::arg("read").none(), nb::arg("post"), nb::arg("comb"),
          "Write the mixed streams, the sublayer's input without and with the noise level, and new coefficients.");
    m.def("site_backward", &site_backward, nb::arg("site"), nb::arg("given"), nb::arg("tokens"), nb::arg("weights"),
          "Write gradients: `given` of the outputs, `tokens` of streams, output, post, comb, `weights` of the rest.");

    m.def("norm_rope", &norm_rope, nb::arg("x"), nb::arg("heads"), nb::arg("weight").none(), nb::arg("cos").none(),
          nb::arg("sin").none(), nb::arg("backwards"), nb::arg("eps"), nb::arg("inverse").none(), nb::arg("out"),
          "Normalise x (..., width) where `inverse` is given, and turn its last channels where `cos` and `sin` are.");
    m.def("norm_rope_backward", &norm_rope_backward, nb::arg("x"), nb::arg("heads"), nb::arg("weight").none(),
          nb::arg("cos").none(), nb::arg("sin").none(), nb::arg("backwards"), nb::arg("inverse").none(),
          nb::arg("to_out"), nb::arg("to_x"), nb::arg("to_weight").none(), "Write the gradients of x and the weight.");

    m.def("softmax", &softmax, nb::arg("scores"), nb::arg("mask"), nb::arg("sink"), nb::arg("scale"),
          nb::arg("sink_weights"), "Turn scores (batch, queries, heads, keys) into weights, in place.");
    m.def("softmax_backward", &softmax_backward, nb::arg("weights"), nb::arg("gradient"), nb::arg("scale"),
          nb::arg("sink_weights"), nb::arg("to_sink"), "Turn the gradient of the weights into that of the scores.");

    m.def("sort_pairs", &sort_pairs, nb::arg("chosen"), nb::arg("experts"), nb::arg("multiple"), nb::arg("places"),
          nb::arg("slots"), "Sort (token, choice) pairs by expert; return each expert's first row, and where they end.");
    m.def("gather", &gather, nb::arg("x"), nb::arg("slots"), nb::arg("top_k"), nb::arg("out"),
          "Write the tokens' rows sorted by expert.");
    m.def("combine", &combine, nb::arg("rows"), nb::arg("places"), nb::arg("out"), "Add each token's sorted rows to it.");
    m.def("swiglu", &swiglu, nb::arg("gate_up"), nb::arg("slots").none(), nb::arg("weights").none(), nb::arg("limit"),
          nb::arg("out"), "Write the clamped SwiGLU of rows (n, 2·F), times their weights.");
    m.def("swiglu_backward", &swiglu_backward, nb::arg("gate_up"), nb::arg("slots").none(), nb::arg("weights").none(),
          nb::arg("limit"), nb::arg("out"), nb::arg("to_out"), nb::arg("to_gate_up"), nb::arg("to_weights").none(),
          "Write what `swiglu` wrote once more, and the gradients of rows and weights.");

    m.def("compress", &compress, nb::arg("values"), nb::arg("gates"), nb::arg("ape"), nb::arg("own"), nb::arg("has_own"),
          nb::arg("previous").none(), nb::arg("has_previous").none(), nb::arg("out"), "Pool windows of tokens into entries.");
    m.def("compress_backward", &compress_backward, nb::arg("values"), nb::arg("gates"), nb::arg("ape"), nb::arg("own"),
          nb::arg("has_own"), nb::arg("previous").none(), nb::arg("has_previous").none(), nb::arg("to_out"),
          nb::arg("to_values"), nb::arg("to_gates"), nb::arg("to_ape"), "Add the gradients of values, gates and ape.");
    m.def("muon", &muon, nb::arg("parameters"), nb::arg("gradients"), nb::arg("momenta"), nb::arg("averages").none(),
          nb::arg("rate"), nb::arg("decay"), nb::arg("momentum"), nb::arg("rms"), nb::arg("follow"), nb::arg("steps"),
          nb::arg("polynomial"), "Update matrices and their averages in place.");
    m.def("adamw", &adamw, nb::arg("parameter"), nb::arg("gradient"), nb::arg("mean"), nb::arg("square"),
          nb::arg("step"), nb::arg("rate"), nb::arg("beta1"), nb::arg("beta2"), nb::arg("eps"), nb::arg("decay"),
          "Update one tensor in place; `step` counts this update.");
}
