// What happens to one readout in one readout step; stands in a namespace of its own after the rule's text.
// Equals reservoir/cpu/readout.py and reservoir/rules/what.py.

// y_k = w_k . x, one warp per output; then the features of the "what" window are added up.
__device__ void read_out(const Arrays &r, i64 t, const real *x, real *y)
{
    for (int k = threadIdx.x >> 5; k < K; k += WARPS) {
        real sum = dot(r.state.w + k * M, x);
        if ((threadIdx.x & 31) == 0)
            y[k] = r.y[t * K + k] = sum;
    }
    if (r.window[t]) {
        for (int i = threadIdx.x; i < M; i += THREADS)
            r.window_sum[i] = r.window_sum[i] + x[i];
        if (threadIdx.x == 0)
            r.count[0] += 1;
    }
}

// s_k <- s_k + r (o_k - p_hat_k - s_k); returns max(eta_w + surprise min(1, max s_k^2 / scale^2), anneal / n), with n
// anew where max s_k^2 > restart^2. One thread.
__device__ real rate_of_trial(const Arrays &r, const real *outcome, const real *p_hat, i64 seen)
{
    const real *c = r.what_constants;
    real top = 0;
    for (int k = 0; k < K; k++) {
        r.surprise[k] = r.surprise[k] + c[4] * ((outcome[k] - p_hat[k]) - r.surprise[k]);
        top = larger(top, r.surprise[k] * r.surprise[k]);
    }
    const real share = top / c[5] < 1 ? top / c[5] : real(1);
    if (c[6] > 0 && top > c[6] && real(seen) > c[8]) {
        r.seen[0] = seen = (i64)c[7];
        for (int k = 0; k < K; k++)
            r.surprise[k] = 0;
    }
    return larger(c[0] + c[3] * share, c[2] / real(seen));
}

// The end of a trial: m = mean x, p_hat = V m, dV = rate (o - p_hat) m^T / (eps + |m|^2).
__device__ void end_trial(const Arrays &r, const real *outcome, real *p_hat, bool learns, real *sums)
{
    const i64 seen = r.seen[0] + 1;
    const real factor = real(1) / real(larger(r.count[0], (i64)1));
    for (int i = threadIdx.x; i < M; i += THREADS) {
        r.mean[i] = r.window_sum[i] * factor;
        r.window_sum[i] = 0;
    }
    __syncthreads();
    for (int k = threadIdx.x >> 5; k <= K; k += WARPS) {
        real sum = dot(k < K ? r.v + k * M : r.mean, r.mean);
        if ((threadIdx.x & 31) == 0)
            sums[k] = sum;
    }
    if (threadIdx.x == 0) {
        r.count[0] = 0;
        if (learns)
            r.seen[0] = seen;
    }
    __syncthreads();
    if (learns && threadIdx.x == 0)
        sums[K + 1] = rate_of_trial(r, outcome, sums, seen);
    __syncthreads();
    const real rate = learns ? sums[K + 1] : real(0), norm = r.what_constants[1] + sums[K];
    for (int k = 0; k < K; k++) {
        if (threadIdx.x == 0)
            p_hat[k] = sums[k];
        if (learns) {
            const real c = rate * (outcome[k] - sums[k]) / norm;
            for (int i = threadIdx.x; i < M; i += THREADS)
                r.v[k * M + i] = r.v[k * M + i] + c * r.mean[i];
        }
    }
    __syncthreads();
}

// After y is known to all.
__device__ void learn(const Arrays &r, i64 t, i64 clock, int trial_end, bool learns, const real *x, const real *y,
                      const real *outcome, void *sums, unsigned char *workspace)
{
    if (learns)
        step(*r.constants, r.state, x, y, r.target + t * K, r.gate + t * K, clock, trial_end >= 0, sums, workspace,
             r.scratch);
    if (trial_end >= 0) {
        __syncthreads();
        end_trial(r, outcome + trial_end * K, r.p_hat + (i64)trial_end * K, learns, (real *)sums);
    }
}
