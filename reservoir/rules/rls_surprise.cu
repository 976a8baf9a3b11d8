// Recursive least squares, in the namespace `update`; at the end of a trial whose event was expected at another time,
// sum min(s - y, 0)^2 > above sum s^2, the channel's P is I / alpha anew and nothing waits to be corrected.
struct Constants {
    update::Constants rls;
    double above, after, start;
};

__device__ bool is_surprised(const Constants &c, const State &s, int k)
{
    return s.expected[k] > 0 && s.came[k] >= c.after && s.missed[k] / s.expected[k] > c.above;
}

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    if (threadIdx.x == 0)
        for (int k = 0; k < K; k++)
            if (gate[k] > 0) {
                const real miss = smaller(target[k] - y[k], real(0));
                s.missed[k] = s.missed[k] + miss * miss;
                s.expected[k] = s.expected[k] + target[k] * target[k];
            }
    update::step(c.rls, s, x, y, target, gate, clock, trial_end, sums, workspace, scratch);
    if (!trial_end)
        return;
    __syncthreads();
    constexpr i64 size = (i64)(M / 32) * (M / 32 + 1) / 2 * 1024;
    for (int k = 0; k < K; k++) {
        if (!is_surprised(c, s, k))
            continue;
        p_type *p = s.p + k * size;
        for (i64 i = threadIdx.x; i < size; i += THREADS)
            p[i] = 0;
        __syncthreads();
        for (int i = threadIdx.x; i < M; i += THREADS) {
            s.q[2 * k * M + i] = s.q[(2 * k + 1) * M + i] = 0;
            if (i < s.features[0])
                p[(i64)(i / 32) * (i / 32 + 3) / 2 * 1024 + i % 32 * 33] = c.start;
        }
    }
    __syncthreads();
    if (threadIdx.x == 0)
        for (int k = 0; k < K; k++) {
            if (is_surprised(c, s, k)) {
                s.pending[k] = 0;
                s.came[k] = 0;
                s.resets[k]++;
            } else if (s.expected[k] > 0) {
                s.came[k] = s.came[k] + real(1);
            }
            s.missed[k] = s.expected[k] = 0;
        }
    __syncthreads();
}
