// delta_k = r_k + gamma w_k . x - w_k . x', e <- keep e + x', dw_k = alpha G_k delta_k e, x' the features one step before
// episodic > 0: after the end of a trial the value is 0, and wherever all gates are closed x' and e are forgotten
struct Constants {
    real alpha, gamma, keep, episodic;
};

// One change of the weights; `next` is what follows, the reward and the value now, or nothing after an episode.
__device__ void change(const Constants &c, const State &s, const real *y, const real *target, const real *gate,
                       bool ends, real *sum)
{
    for (int i = threadIdx.x; i < M; i += THREADS)
        s.trace[i] = c.keep * s.trace[i] + s.past[i];
    __syncthreads();
    for (int k = threadIdx.x >> 5; k < K; k += WARPS) {
        const real found = dot(s.w + k * M, s.past);
        if ((threadIdx.x & 31) == 0)
            sum[k] = found;
    }
    __syncthreads();
    for (int k = 0; k < K; k++)
        if (gate[k] > 0) {
            const real next = ends ? real(0) : target[k] + c.gamma * y[k];
            const real factor = c.alpha * gate[k] * (next - sum[k]);
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.w[k * M + i] = s.w[k * M + i] + factor * s.trace[i];
        }
    __syncthreads();
}

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    bool active = false;
    for (int k = 0; k < K; k++)
        active = active || gate[k] > 0;
    const bool episodic = c.episodic > 0, goes_on = active || !episodic, running = s.running[0] > 0;
    __syncthreads();  // all have read what thread 0 writes below
    if (running && goes_on)
        change(c, s, y, target, gate, false, (real *)sums);
    if (goes_on)
        for (int i = threadIdx.x; i < M; i += THREADS)
            s.past[i] = x[i];
    __syncthreads();
    if (trial_end && active && episodic)
        change(c, s, y, target, gate, true, (real *)sums);
    const bool forgets = episodic && (trial_end || !active);
    if (forgets)
        for (int i = threadIdx.x; i < M; i += THREADS)
            s.trace[i] = s.past[i] = 0;
    if (threadIdx.x == 0)
        s.running[0] = forgets ? 0 : goes_on ? 1 : s.running[0];
    __syncthreads();
}
