// missed_rows > 0: u = sum min(s - y, 0)^2 / sum s^2, and w <- w (1 - clip((u - above) / width, 0, 1)) at the end of a trial
// rate > 0: w <- w (1 - min(1, rate [y - s - slack]+)) in every step
// dw_k = eta G_k delta_k e / (eps + |e| |x|), e the low-pass of x; w <- w + beta (f - w) at the end of a trial
struct Constants {
    real eta, epsilon, e_keep, e_gain, beta, own, above, width, after, rate, slack;
};

// Adds up what was missed; at the end of a trial every thread scales the weights that it has learned.
__device__ void count_misses(const Constants &c, const State &s, real *weights, const real *y, const real *target,
                             const real *gate, bool trial_end)
{
    for (int k = threadIdx.x; k < K; k += THREADS)
        if (gate[k] > 0) {
            const real miss = smaller(target[k] - y[k], real(0));
            s.missed[k] = s.missed[k] + miss * miss;
            s.expected[k] = s.expected[k] + target[k] * target[k];
        }
    if (!trial_end)
        return;
    __syncthreads();
    for (int k = 0; k < K; k++) {
        if (!(s.expected[k] > 0) || s.came[k] < c.after)
            continue;
        const real share = larger(real(0), (s.missed[k] / s.expected[k] - c.above) / c.width);
        const real keep = real(1) - smaller(real(1), share);
        for (int i = threadIdx.x; i < M; i += THREADS) {
            weights[k * M + i] = keep * weights[k * M + i];
            if (learning_rows > 0)
                s.w[k * M + i] = keep * s.w[k * M + i];
        }
    }
    __syncthreads();
    for (int k = threadIdx.x; k < K; k += THREADS) {
        if (s.expected[k] > 0)
            s.came[k] = s.came[k] + real(1);
        s.missed[k] = s.expected[k] = 0;
    }
}

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    constexpr bool consolidates = learning_rows > 0;
    real *weights = consolidates ? s.learning : s.w, *e = s.eligibility, *sum = (real *)sums;
    bool active = false;
    for (int k = 0; k < K; k++)
        active = active || gate[k] > 0;
    for (int i = threadIdx.x; i < M; i += THREADS)
        e[i] = c.e_keep * e[i] + c.e_gain * x[i];
    if (active) {
        __syncthreads();
        // e . e, x . x and, where other weights learn than speak, what those would have said
        for (int d = threadIdx.x >> 5; d < (consolidates ? 2 + K : 2); d += WARPS) {
            const real found = dot(d == 0 ? e : d == 1 ? x : weights + (d - 2) * M, d == 0 ? e : x);
            if ((threadIdx.x & 31) == 0)
                sum[d] = found;
        }
        __syncthreads();
        const real norm = c.epsilon + root(sum[0] * sum[1]);
        for (int k = 0; k < K; k++)
            if (gate[k] > 0) {
                const real out = consolidates ? sum[2 + k] : y[k];
                const real excess = y[k] - target[k] - c.slack;
                if (c.rate > 0 && excess > 0) {
                    const real keep = real(1) - smaller(real(1), c.rate * excess);
                    for (int i = threadIdx.x; i < M; i += THREADS)
                        weights[k * M + i] = keep * weights[k * M + i];
                }
                const real factor = c.eta * gate[k] * (target[k] - c.own * out) / norm;
                for (int i = threadIdx.x; i < M; i += THREADS)
                    weights[k * M + i] = weights[k * M + i] + factor * e[i];
            }
    }
    if (missed_rows > 0)
        count_misses(c, s, weights, y, target, gate, trial_end);
    if (consolidates && trial_end)
        for (int k = 0; k < K; k++)  // as above: a thread moves the weights that it has learned
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] + c.beta * (s.learning[k * M + i] - s.w[k * M + i]);
}
