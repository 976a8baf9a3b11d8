// dw_k = eta G_k delta_k x
struct Constants {
    real eta;
};

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    for (int k = 0; k < K; k++)
        if (gate[k] > 0) {
            const real factor = c.eta * gate[k] * (target[k] - y[k]);
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] + factor * x[i];
        }
}
