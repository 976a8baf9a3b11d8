// While waiting: e_k <- keep e_k + [y_k(q)]+ x(q) / (eps + |x(q)|^2), q as many steps ago as `past` has rows.
// At the onset of event k: w_k <- kept (w_k - back e_k). From then on: dw_k = eta G_k (s_k - y_k) x / (eps + |x|^2).
struct Constants {
    real eta, epsilon, keep, back, above, width, after;
};

__device__ real kept_at_onset(const Constants &c, const State &s, int k)
{
    if (!(c.width > 0) || !(s.expected[k] > 0) || s.came[k] < c.after)
        return real(1);
    const real share = larger(real(0), (s.predicted[k] / s.expected[k] - c.above) / c.width);
    return real(1) - smaller(real(1), share);
}

// Squares of one row of features, known to all.
__device__ real squares_of(const real *row, real *sum)
{
    if (threadIdx.x < 32) {
        const real found = dot(row, row);
        if (threadIdx.x == 0)
            *sum = found;
    }
    __syncthreads();
    return *sum;
}

__device__ void wait_for_event(const Constants &c, const State &s, const real *x, const real *y, i64 waited, real *sum)
{
    const int place = waited % past_rows;
    real *past = s.past + place * M;
    if (waited >= past_rows) {
        const real norm = c.epsilon + squares_of(past, sum);
        for (int k = 0; k < K; k++) {
            const real factor = larger(s.past_y[place * K + k], real(0)) / norm;
            for (int i = threadIdx.x; i < M; i += THREADS)
                s.trace[k * M + i] = c.keep * s.trace[k * M + i] + factor * past[i];
        }
    }
    for (int i = threadIdx.x; i < M; i += THREADS)
        past[i] = x[i];
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int k = 0; k < K; k++) {
            const real said = larger(s.past_y[place * K + k], real(0));
            if (waited >= past_rows)
                s.predicted[k] = s.predicted[k] + said * said;
            s.past_y[place * K + k] = y[k];
        }
        s.waiting[0] = waited + 1;
    }
}

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    real *sum = (real *)sums;
    bool open = false;
    int event = -1;
    for (int k = 0; k < K; k++) {
        open = open || gate[k] > 0;
        if (gate[k] > 0 && target[k] > 0 && event < 0)
            event = k;
    }
    const i64 waited = s.waiting[0];
    const bool came = s.waiting[1] == 1, onset = open && !came && event >= 0;
    __syncthreads();  // all have read what thread 0 writes below
    if (open && !came && event < 0)
        wait_for_event(c, s, x, y, waited, sum);
    if (onset) {
        const real kept = kept_at_onset(c, s, event);
        for (int i = threadIdx.x; i < M; i += THREADS)
            s.w[event * M + i] = kept * (s.w[event * M + i] - c.back * s.trace[event * M + i]);
        __syncthreads();
        if (threadIdx.x == 0) {
            s.came[event] = s.came[event] + real(1);
            s.waiting[1] = 1;
        }
    }
    if (open && (came || onset)) {
        const real norm = c.epsilon + squares_of(x, sum);
        for (int k = 0; k < K; k++)
            if (gate[k] > 0) {
                const real factor = c.eta * gate[k] * (target[k] - y[k]) / norm;
                for (int i = threadIdx.x; i < M; i += THREADS)
                    s.w[k * M + i] = s.w[k * M + i] + factor * x[i];
                if (threadIdx.x == 0)
                    s.squares[k] = s.squares[k] + target[k] * target[k];
            }
    }
    if (trial_end) {
        __syncthreads();
        for (int i = threadIdx.x; i < K * M; i += THREADS)
            s.trace[i] = 0;
        for (int i = threadIdx.x; i < past_rows * M; i += THREADS)
            s.past[i] = 0;
        for (int i = threadIdx.x; i < past_rows * K; i += THREADS)
            s.past_y[i] = 0;
        if (threadIdx.x == 0) {
            for (int k = 0; k < K; k++) {
                if (s.squares[k] > 0)
                    s.expected[k] = s.squares[k] + s.squares[k];
                s.squares[k] = s.predicted[k] = 0;
            }
            s.waiting[0] = s.waiting[1] = 0;
        }
    }
    __syncthreads();
}
