// dw_k = eta G_k delta_k x / (eps + x . x)
struct Constants {
    real eta, epsilon;
};

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    bool active = false;
    for (int k = 0; k < K; k++)
        active = active || gate[k] > 0;
    if (!active)
        return;
    real *sum = (real *)sums;
    if (threadIdx.x < 32) {
        const real found = dot(x, x);
        if (threadIdx.x == 0)
            *sum = found;
    }
    __syncthreads();
    const real norm = c.epsilon + *sum;
    for (int k = 0; k < K; k++)
        if (gate[k] > 0) {
            const real factor = c.eta * gate[k] * (target[k] - y[k]) / norm;
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] + factor * x[i];
        }
    __syncthreads();
}
