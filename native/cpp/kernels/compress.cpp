// Pooling of windows of tokens into entries: every channel has its own softmax over the tokens of a window.

#include "../kernels.h"
#include "../simd.h"

namespace sancai::SANCAI_ISA {
namespace {

// One token of a window: where its channels and their bias begin.
struct Slot {
    int64_t place, bias;
    bool exists;
};

// Write the slots of an entry and return how many; a window without tokens means all its columns evenly.
template <class T>
int find_slots(const Compress<T>& a, int64_t row, int64_t entry, Slot (&slots)[MOST_SLOTS], bool& is_empty) {
    const int64_t width = a.previous ? 2 * a.dim : a.dim, at = (row * a.entries + entry) * a.ratio;
    int count = 0;
    is_empty = true;
    for (int half = 0; half < 2; half++) {  // the window before through the first half of the channels, then its own
        const int64_t* columns = half ? a.own : a.previous;
        const bool* has = half ? a.has_own : a.has_previous;
        const int64_t channel = half && a.previous ? a.dim : 0;
        for (int64_t i = 0; columns && i < a.ratio; i++) {
            slots[count++] = {(row * a.tokens + columns[at + i]) * width + channel, i * width + channel, has[at + i]};
            if (has[at + i]) is_empty = false;
        }
    }
    return count;
}

// Softmax weights of one vector of channels.
template <class T, class Part>
void weigh(const Compress<T>& a, const Slot* slots, int count, bool is_empty, int64_t d, Part part, Vec* weights) {
    Vec top = splat(-1e30f), total = {};
    for (int s = 0; s < count; s++) {
        weights[s] = is_empty ? Vec{} : load(a.gates + slots[s].place + d, part) + load(a.ape + slots[s].bias + d, part);
        if (slots[s].exists || is_empty) top = larger(top, weights[s]);
    }
    for (int s = 0; s < count; s++) {
        weights[s] = slots[s].exists || is_empty ? exponential(weights[s] - top) : Vec{};
        total += weights[s];
    }
    for (int s = 0; s < count; s++) weights[s] /= total;
}

}  // namespace

template <class T>
void compress(const Compress<T>& a) {
    Slot slots[MOST_SLOTS];
    Vec weights[MOST_SLOTS];
    for (int64_t row = 0; row < a.batch; row++)
        for (int64_t entry = 0; entry < a.entries; entry++) {
            bool is_empty;
            const int count = find_slots(a, row, entry, slots, is_empty);
            along(a.dim, [&](int64_t d, auto part) {
                weigh(a, slots, count, is_empty, d, part, weights);
                Vec pooled = {};
                for (int s = 0; s < count; s++) pooled += weights[s] * load(a.values + slots[s].place + d, part);
                store(a.out + (row * a.entries + entry) * a.dim + d, pooled, part);
            });
        }
}

template <class T>
void compress_backward(const Compress<T>& a, const CompressGradients<T>& g) {
    Slot slots[MOST_SLOTS];
    Vec weights[MOST_SLOTS];
    for (int64_t row = 0; row < a.batch; row++)
        for (int64_t entry = 0; entry < a.entries; entry++) {
            bool is_empty;
            const int count = find_slots(a, row, entry, slots, is_empty);
            along(a.dim, [&](int64_t d, auto part) {
                weigh(a, slots, count, is_empty, d, part, weights);
                Vec above = load(g.to_out + (row * a.entries + entry) * a.dim + d, part), pooled = {};
                for (int s = 0; s < count; s++) pooled += weights[s] * load(a.values + slots[s].place + d, part);
                for (int s = 0; s < count; s++) {
                    const int64_t at = slots[s].place + d;
                    Vec value = load(a.values + at, part), share = above * weights[s];
                    store(g.values + at, load(g.values + at, part) + share, part);
                    if (is_empty) continue;
                    Vec to_logit = share * (value - pooled);
                    store(g.gates + at, load(g.gates + at, part) + to_logit, part);
                    add_to(g.ape + slots[s].bias + d, to_logit, part);
                }
            });
        }
}

template void compress(const Compress<float>&);
template void compress(const Compress<Bf16>&);
template void compress_backward(const Compress<float>&, const CompressGradients<float>&);
template void compress_backward(const Compress<Bf16>&, const CompressGradients<Bf16>&);

}  // namespace sancai::SANCAI_ISA
