// The coefficients of hyper-connections for one vector of tokens: gates, and Sinkhorn's normalisation of small squares.
#pragma once

#include "simd.h"

namespace sancai::SANCAI_ISA {

constexpr int MOST_ITERATIONS = 32;

constexpr int logit_count(int n) { return (2 + n) * n; }

// Which of the three scales a logit takes: that of pre, post or comb.
constexpr int kind_of(int logit, int n) { return logit < n ? 0 : logit < 2 * n ? 1 : 2; }

// One number a token, reachable as a vector and by lane.
union Lanes {
    Vec vec;
    float at[WIDTH];
};

template <int N>
struct Coefficients {
    static constexpr int L = logit_count(N);
    Vec gate[2 * N];  // sigmoids of the logits of pre and post
    Vec pre[N], post[N];
    Vec soft[N * N];                            // softmax of the logits of comb, row by row
    Vec stage[2 * MOST_ITERATIONS][N * N];      // the square before every normalisation, and after the last
    Vec inverse[2 * MOST_ITERATIONS][N];        // what each normalisation multiplied with
    int last;

    const Vec* comb() const { return stage[last]; }

    void compute(const Lanes (&logits)[L], int iterations, float eps) {
        for (int i = 0; i < 2 * N; i++) gate[i] = sigmoid(logits[i].vec);
        for (int i = 0; i < N; i++) {
            pre[i] = gate[i] + eps;
            post[i] = 2.0f * gate[N + i];
        }
        for (int j = 0; j < N; j++) {
            const Lanes* row = logits + 2 * N + j * N;
            Vec top = row[0].vec, total = {};
            for (int k = 1; k < N; k++) top = larger(top, row[k].vec);
            for (int k = 0; k < N; k++) total += soft[j * N + k] = exponential(row[k].vec - top);
            for (int k = 0; k < N; k++) stage[0][j * N + k] = (soft[j * N + k] /= total) + eps;
        }
        last = 0;
        normalise(eps, true);
        for (int i = 1; i < iterations; i++) {
            normalise(eps, false);
            normalise(eps, true);
        }
    }

    void backward(const Lanes (&to_pre)[N], const Lanes (&to_post)[N], const Lanes (&to_comb)[N * N], int iterations,
                  Lanes (&to_logits)[L]) const {
        for (int i = 0; i < N; i++) {
            to_logits[i].vec = to_pre[i].vec * gate[i] * (1.0f - gate[i]);
            to_logits[N + i].vec = 2.0f * to_post[i].vec * gate[N + i] * (1.0f - gate[N + i]);
        }
        Vec to_square[N * N];
        for (int i = 0; i < N * N; i++) to_square[i] = to_comb[i].vec;
        for (int step = 2 * iterations - 2; step >= 0; step--) {
            const bool by_column = step % 2 == 0;
            for (int o = 0; o < N; o++) {
                Vec dot = {};
                for (int i = 0; i < N; i++) dot += to_square[place(i, o, by_column)] * stage[step + 1][place(i, o, by_column)];
                for (int i = 0; i < N; i++) {
                    Vec& here = to_square[place(i, o, by_column)];
                    here = (here - dot) * inverse[step][o];
                }
            }
        }
        for (int j = 0; j < N; j++) {
            Vec dot = {};
            for (int k = 0; k < N; k++) dot += to_square[j * N + k] * soft[j * N + k];
            for (int k = 0; k < N; k++) to_logits[2 * N + j * N + k].vec = soft[j * N + k] * (to_square[j * N + k] - dot);
        }
    }

   private:
    // Entry i of line o: lines are columns or rows.
    static constexpr int place(int i, int o, bool by_column) { return by_column ? i * N + o : o * N + i; }

    void normalise(float eps, bool by_column) {
        for (int o = 0; o < N; o++) {
            Vec total = splat(eps);
            for (int i = 0; i < N; i++) total += stage[last][place(i, o, by_column)];
            inverse[last][o] = 1.0f / total;
            for (int i = 0; i < N; i++)
                stage[last + 1][place(i, o, by_column)] = stage[last][place(i, o, by_column)] * inverse[last][o];
        }
        last++;
    }
};


}  // namespace sancai::SANCAI_ISA
