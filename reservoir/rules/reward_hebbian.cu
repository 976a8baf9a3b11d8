// z = y + xi; zbar, Rbar low-passes; R = -sum of (z - s)^2 over the outputs that are taught, m = R > Rbar or R - Rbar
// dw_k = eta / (1 + fall clock) m G_k (z_k - zbar_k) x
struct Constants {
    real eta, scale, gain, fall, graded, one;
};

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    bool active = false;
    for (int k = 0; k < K; k++)
        active = active || gate[k] > 0;
    real *better = (real *)sums;
    if (threadIdx.x == 0) {
        explore(s.key, clock, c.scale, s.xi);
        real got = 0;
        for (int k = 0; k < K; k++) {
            const real z = y[k] + s.xi[k];
            s.said[k] = s.said[k] + c.gain * (z - s.said[k]);
            if (gate[k] > 0)
                got = got - (z - target[k]) * (z - target[k]);
        }
        if (active) {
            s.reward[0] = s.reward[0] + c.gain * (got - s.reward[0]);
            *better = got - s.reward[0];
        }
    }
    __syncthreads();
    if (active) {
        const real m = c.graded == 0 ? (*better > 0 ? real(1) : real(0)) : *better;
        const real rate = c.eta / (c.one + c.fall * real(clock)) * m;
        for (int k = 0; k < K; k++)
            if (gate[k] > 0) {
                const real factor = rate * gate[k] * ((y[k] + s.xi[k]) - s.said[k]);
                for (int i = threadIdx.x; i < M; i += THREADS)
                    s.w[k * M + i] = s.w[k * M + i] + factor * x[i];
            }
    }
    __syncthreads();
}
