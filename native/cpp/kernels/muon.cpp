// Muon: a matrix's momentum, its orthogonalisation by Newton-Schulz and its update, in one visit.
//
// X is kept with at most as many rows as columns, both rounded up with zeros, which stay zeros.  X·Xᵀ and its square
// are symmetric: only the lower half is computed, then mirrored.

#include <new>

#include "../kernels.h"
#include "../product.h"

namespace sancai::SANCAI_ISA {
namespace {

constexpr int64_t GRAIN = WIDTH * 2;  // sizes of matrices in memory are multiples: of panels, and of packed vectors

int64_t rounded(int64_t size) { return (size + GRAIN - 1) / GRAIN * GRAIN; }

template <class T>
struct Memory {
    T* data;
    explicit Memory(int64_t count) : data(static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64}))) {}
    ~Memory() { ::operator delete(data, std::align_val_t{64}); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
};

// Working memory for matrices of up to rows × columns, rounded up.
struct Workspace {
    int64_t rows, columns;
    Memory<Number> x, next, square, mixed, panel;
    Memory<float> product, flat;
    Workspace(int64_t rows, int64_t columns)
        : rows(rows), columns(columns), x(rows * columns), next(rows * columns), square(rows * rows),
          mixed(rows * rows), panel(columns * PANEL), product(rows * rows), flat(rows * columns) {}
};

// out = mirrored(fp32 lower half) · c + b · square + a · identity; square may be null.
void mirror(const float* lower, int64_t size, float a, float b, float c, const Number* square, Number* out) {
    for (int64_t top = 0; top < size; top += WIDTH)
        for (int64_t left = 0; left <= top; left += WIDTH) {
            Vec block[WIDTH];
            for (int i = 0; i < WIDTH; i++) {
                const int64_t at = (top + i) * size + left;
                block[i] = c * load(lower + at);
                if (square) block[i] += b * load(square + at);
                if (square && top == left) block[i][i] += a;
                if (top != left) store(out + at, block[i]);
            }
            if (top == left)  // the upper half of the block was computed too, but only the lower is taken
                for (int i = 0; i < WIDTH; i++)
                    for (int j = 0; j < i; j++) block[j][i] = block[i][j];
            transpose(block);
            for (int i = 0; i < WIDTH; i++) store(out + (left + i) * size + top, block[i]);
        }
}

// The lower half of rows · rowsᵀ for rows (size, k); a little more where tiles cross the diagonal.
void multiply_by_own_transpose(const Number* rows, int64_t size, int64_t k, Number* panel, float* out) {
    for (int64_t j = 0; j < size; j += PANEL) {
        pack_rows(rows + j * k, k, panel);
        multiply(rows, size, k, panel, j, out + j, size);
    }
}

// X becomes nearly orthogonal: X ← (a + b·XXᵀ + c·(XXᵀ)²)·X, so many times.
void orthogonalise(Workspace& w, int64_t steps, const float (&abc)[3]) {
    Number *x = w.x.data, *next = w.next.data;
    for (int64_t step = 0; step < steps; step++) {
        multiply_by_own_transpose(x, w.rows, w.columns, w.panel.data, w.product.data);
        mirror(w.product.data, w.rows, 0.0f, 0.0f, 1.0f, nullptr, w.square.data);
        multiply_by_own_transpose(w.square.data, w.rows, w.rows, w.panel.data, w.product.data);
        mirror(w.product.data, w.rows, abc[0], abc[1], abc[2], w.square.data, w.mixed.data);
        for (int64_t j = 0; j < w.columns; j += PANEL) {
            pack_columns(x + j, w.rows, w.columns, w.panel.data);
            multiply(w.mixed.data, w.rows, w.rows, w.panel.data, 0, next + j, w.columns);
        }
        Number* swapped = x;
        x = next, next = swapped;
    }
    if (x != w.x.data) std::memcpy(w.x.data, x, w.rows * w.columns * sizeof(Number));
}

// Momentum and Nesterov's look ahead, written to `look`; returns the sum of its squares.
float look_ahead(const MuonRates& rates, const float* gradient, float* momentum, int64_t count, float* look) {
    double total = 0.0;
    for (int64_t first = 0; first < count; first += 4096) {
        Vec squares = {};
        along(count - first < 4096 ? count - first : 4096, [&](int64_t at, auto part) {
            const int64_t d = first + at;
            Vec g = load(gradient + d, part), m = rates.momentum * load(momentum + d, part) + g;
            store(momentum + d, m, part);
            Vec ahead = g + rates.momentum * m;
            store(look + d, ahead, part);
            squares += ahead * ahead;
        });
        total += sum(squares);
    }
    return float(total);
}

// Write look (rows, columns), times a factor, into X: as it is, or transposed.
void enter(const float* look, int64_t rows, int64_t columns, bool flips, float factor, Workspace& w) {
    std::memset(w.x.data, 0, w.rows * w.columns * sizeof(Number));
    if (!flips) {
        for (int64_t i = 0; i < rows; i++)
            along(columns, [&](int64_t d, auto part) {
                store(w.x.data + i * w.columns + d, factor * load(look + i * columns + d, part), part);
            });
        return;
    }
    for (int64_t top = 0; top < rows; top += WIDTH)
        for (int64_t left = 0; left < columns; left += WIDTH) {
            Vec block[WIDTH] = {};
            const Rest part{columns - left < WIDTH ? columns - left : WIDTH};
            for (int64_t i = 0; i < WIDTH && top + i < rows; i++)
                block[i] = factor * load(look + (top + i) * columns + left, part);
            transpose(block);
            for (int i = 0; i < WIDTH; i++) store(w.x.data + (left + i) * w.columns + top, block[i]);
        }
}

// Write X as fp32 (rows, columns).
void leave(const Workspace& w, int64_t rows, int64_t columns, bool flips, float* out) {
    if (!flips) {
        for (int64_t i = 0; i < rows; i++)
            along(columns, [&](int64_t d, auto part) { store(out + i * columns + d, load(w.x.data + i * w.columns + d, part), part); });
        return;
    }
    for (int64_t top = 0; top < rows; top += WIDTH)
        for (int64_t left = 0; left < columns; left += WIDTH) {
            Vec block[WIDTH];
            for (int i = 0; i < WIDTH; i++) block[i] = load(w.x.data + (left + i) * w.columns + top);
            transpose(block);
            const Rest part{columns - left < WIDTH ? columns - left : WIDTH};
            for (int64_t i = 0; i < WIDTH && top + i < rows; i++) store(out + (top + i) * columns + left, block[i], part);
        }
}

void update(const MuonRates& rates, const float* direction, float amount, int64_t count, float* parameter, float* average) {
    const float kept = 1.0f - rates.rate * rates.decay;
    along(count, [&](int64_t d, auto part) {
        Vec p = kept * load(parameter + d, part) - amount * load(direction + d, part);
        store(parameter + d, p, part);
        if (!average) return;
        Vec a = load(average + d, part);
        store(average + d, a + rates.follow * (p - a), part);
    });
}

}  // namespace

void muon(const MuonMatrix* matrices, int64_t count, const MuonRates& rates) {
    int64_t most_rows = 0, most_columns = 0;
    for (int64_t n = 0; n < count; n++) {
        const int64_t r = rounded(matrices[n].rows), c = rounded(matrices[n].columns);
        const int64_t small = r < c ? r : c, large = r < c ? c : r;
        most_rows = small > most_rows ? small : most_rows;
        most_columns = large > most_columns ? large : most_columns;
    }
    Workspace w(most_rows, most_columns);
    for (int64_t n = 0; n < count; n++) {
        const MuonMatrix& m = matrices[n];
        const bool flips = m.rows > m.columns;
        const int64_t size = m.rows * m.columns, longest = flips ? m.rows : m.columns;
        w.rows = rounded(flips ? m.columns : m.rows), w.columns = rounded(longest);
        const float squares = look_ahead(rates, m.gradient, m.momentum, size, w.flat.data);
        enter(w.flat.data, m.rows, m.columns, flips, 1.0f / (std::sqrt(squares) + 1e-12f), w);
        orthogonalise(w, rates.steps, rates.polynomial);
        leave(w, m.rows, m.columns, flips, w.flat.data);
        update(rates, w.flat.data, rates.rate * rates.rms * std::sqrt(float(longest)), size, m.parameter, m.average);
    }
}

}  // namespace sancai::SANCAI_ISA
