// dw_k = -rate G_k (L(xi) - L(0)) xi_k x, L(xi) = sum of (s - y - xi)^2 / 2 over the outputs that are taught
struct Constants {
    real rate, scale, half;
};

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    bool active = false;
    for (int k = 0; k < K; k++)
        active = active || gate[k] > 0;
    if (!active)
        return;
    if (threadIdx.x == 0)
        explore(s.key, clock, c.scale, s.xi);
    __syncthreads();
    real change = 0;
    for (int k = 0; k < K; k++)
        if (gate[k] > 0) {
            const real error = target[k] - y[k], tried = error - s.xi[k];
            change = change + c.half * (tried * tried - error * error);
        }
    for (int k = 0; k < K; k++)
        if (gate[k] > 0) {
            const real factor = c.rate * gate[k] * change * s.xi[k];
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] - factor * x[i];
        }
    __syncthreads();
}
