// dw_k = eta G_k delta_k e / (eps + |e| |x|), e the low-pass of x; w <- w + beta (f - w) at the end of a trial
struct Constants {
    real eta, epsilon, e_keep, e_gain, beta, own;
};

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
                const real factor = c.eta * gate[k] * (target[k] - c.own * out) / norm;
                for (int i = threadIdx.x; i < M; i += THREADS)
                    weights[k * M + i] = weights[k * M + i] + factor * e[i];
            }
    }
    if (consolidates && trial_end)
        for (int k = 0; k < K; k++)  // as above: a thread moves the weights that it has learned
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] + c.beta * (s.learning[k * M + i] - s.w[k * M + i]);
}
