// Recursive least squares, in the namespace `update`; before an update P gains drift x (readout steps since the last).
struct Constants {
    update::Constants rls;
    double drift;
};

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    if (clock % c.rls.interval != 0)
        return;
    constexpr i64 size = (i64)(M / 32) * (M / 32 + 1) / 2 * 1024;
    for (int a = 0; a < p_rows; a++)
        if (gate[a] > 0) {
            const p_type grown = c.drift * p_type(clock - s.last[a]);
            p_type *p = s.p + a * size;
            for (int i = threadIdx.x; i < s.features[0]; i += THREADS) {
                p_type *own = p + (i64)(i / 32) * (i / 32 + 3) / 2 * 1024 + i % 32 * 33;
                *own = *own + grown;
            }
        }
    __syncthreads();
    if (threadIdx.x == 0)
        for (int a = 0; a < p_rows; a++)
            if (gate[a] > 0)
                s.last[a] = clock;
    update::step(c.rls, s, x, y, target, gate, clock, trial_end, sums, workspace, scratch);
}
