// kappa = P x, den = lambda + x . kappa, w <- w + (delta / den) kappa, q = kappa / sqrt(den);
// P <- (P - q q^T) / lambda inside the next pass over P, with lambda = 1 two such corrections inside every second pass.
// P is kept as lower 32 x 32 tiles, the diagonal ones full.
struct Constants {
    p_type forget, gain;
    i64 interval;
    p_type limit;
};

constexpr int BLOCKS = M / 32;  // rows of tiles
constexpr int PART = 128 / sizeof(p_type);  // rows of a tile read at once: all in float32, half in float64

// Correct P by q and by s, if it `writes`, and multiply it by x, in one pass: `out` gets the row part, `columns` one
// row of 32 per tile. Where there is no correction q or s is 0 and changes no bit. A warp takes whole rows of tiles;
// lane l holds column l. Long and short rows go to a warp in turn. The loads of a part of a tile are all under way
// before its first store: one behind the other, each would wait for the memory.
__device__ void correct_and_multiply(p_type *p, const p_type *q, const p_type *s, bool writes, p_type gain,
                                     const p_type *x, p_type *out, p_type *columns)
{
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    for (int turn = 0; turn * WARPS < BLOCKS; turn++) {
        const int place = turn * WARPS + (turn & 1 ? WARPS - 1 - warp : warp);
        if (place >= BLOCKS)
            continue;
        const int row = BLOCKS - 1 - place;
        const p_type *qi = q + 32 * row, *si = s + 32 * row, *xi = x + 32 * row;
        p_type acc[32];
#pragma unroll
        for (int r = 0; r < 32; r++)
            acc[r] = 0;
        for (int column = 0; column <= row; column++) {
            const int tile = row * (row + 1) / 2 + column;
            p_type *at = p + (i64)tile * 1024 + lane;
            const p_type xj = x[32 * column + lane];
            const p_type qj = writes ? q[32 * column + lane] : p_type(0);
            const p_type sj = writes ? s[32 * column + lane] : p_type(0);
            p_type t[4] = {0, 0, 0, 0};
#pragma unroll
            for (int part = 0; part < 32; part += PART) {
                p_type entries[PART];
#pragma unroll
                for (int r = 0; r < PART; r++)
                    entries[r] = at[32 * (part + r)];
#pragma unroll
                for (int i = 0; i < PART; i++) {
                    const int r = part + i;
                    const p_type entry = ((entries[i] - qi[r] * qj) - si[r] * sj) * gain;
                    if (writes)
                        at[32 * r] = entry;
                    acc[r] = acc[r] + entry * xj;
                    t[r & 3] = t[r & 3] + entry * xi[r];
                }
            }
            columns[tile * 32 + lane] = (t[0] + t[2]) + (t[1] + t[3]);  // a diagonal tile's is not used
        }
#pragma unroll
        for (int r = 0; r < 32; r++) {
            const p_type sum = fold(acc[r]);
            if (lane == r)
                out[32 * row + r] = sum;
        }
    }
}

// As above; then out = P x is whole, and all threads see it.
__device__ void correct_and_multiply_all(p_type *p, const p_type *q, const p_type *s, bool writes, p_type gain,
                                         const p_type *x, p_type *out, p_type *columns)
{
    __syncthreads();
    correct_and_multiply(p, q, s, writes, gain, x, out, columns);
    __syncthreads();
    for (int i = threadIdx.x; i < M; i += THREADS) {
        p_type below = 0;  // tiles under this column, from the top
        for (int row = i / 32 + 1; row < BLOCKS; row++)
            below = below + columns[(row * (row + 1) / 2 + i / 32) * 32 + i % 32];
        out[i] = out[i] + below;
    }
    __syncthreads();
}

__device__ p_type entry(const p_type *p, int i, int j)
{
    const int low = i < j ? i : j, high = i < j ? j : i, row = high / 32;
    return p[(i64)(row * (row + 1) / 2 + low / 32) * 1024 + high % 32 * 32 + low % 32];
}

// Whether a diagonal entry is above the limit.
__device__ bool grown(const p_type *p, p_type limit)
{
    bool over = false;
#pragma unroll 1
    for (int i = threadIdx.x; i < M; i += THREADS)
        over = over || entry(p, i, i) > limit;
    return __syncthreads_or(over);
}

// out = P x with P corrected; then every diagonal entry above the limit is taken down to a hundredth of it, see rls.py.
// There is one call of the pass over P, as each takes its registers.
__device__ void correct_and_limit(p_type *p, p_type *q, const p_type *s, bool writes, p_type gain, bool limited,
                                  p_type limit, const p_type *x, p_type *out, p_type *columns)
{
    const p_type left = limit * p_type(0.01);
    int i = -1;
    for (;;) {
        correct_and_multiply_all(p, q, s, writes, gain, x, out, columns);
        if (!limited || (i < 0 && !grown(p, limit)))
            return;
#pragma unroll 1
        for (i++; i < M && !(entry(p, i, i) > limit); i++)
            ;
        if (i == M)
            return;
        const p_type own = entry(p, i, i), factor = root(own - left) / own;
#pragma unroll 1
        for (int j = threadIdx.x; j < M; j += THREADS)
            q[j] = entry(p, i, j) * factor;
        gain = 1;
    }
}

__device__ void step(const Constants &c, const State &s, const real *x, const real *y, const real *target,
                     const real *gate, i64 clock, bool trial_end, void *sums, unsigned char *workspace, void *scratch)
{
    if (clock % c.interval != 0)
        return;
    p_type *weighted = (p_type *)workspace, *kappa = weighted + M, *q = kappa + M, *waiting = q + M;
    p_type *columns = (p_type *)scratch;
    for (int a = 0; a < p_rows; a++) {
        if (!(gate[a] > 0))
            continue;
        const p_type sqrt_gate = root(p_type(gate[a]));
        const p_type gain = s.pending[a] ? c.gain : p_type(1);
        for (int i = threadIdx.x; i < M; i += THREADS) {
            weighted[i] = sqrt_gate * p_type(x[i]);
            q[i] = s.q[2 * a * M + i];
            waiting[i] = s.q[(2 * a + 1) * M + i];
        }
        p_type *p = s.p + (i64)a * BLOCKS * (BLOCKS + 1) / 2 * 1024;
        const bool forgets = c.forget < 1, waits = !forgets && s.pending[a] == 1;  // the correction waits for another
        correct_and_limit(p, q, waiting, !waits, gain, forgets, c.limit, weighted, kappa, columns);
        if (waits) {
            if (threadIdx.x < 32) {
                const p_type found = dot(q, weighted);
                if (threadIdx.x == 0)
                    *(p_type *)sums = found;
            }
            __syncthreads();
            const p_type along = *(p_type *)sums;
            for (int i = threadIdx.x; i < M; i += THREADS)
                kappa[i] = kappa[i] - q[i] * along;
            __syncthreads();
        }
        if (threadIdx.x < 32) {
            const p_type found = dot(weighted, kappa);
            if (threadIdx.x == 0)
                *(p_type *)sums = found;
        }
        __syncthreads();
        const p_type den = c.forget + *(p_type *)sums, root_den = root(den);
        for (int k = 0; k < K; k++)
            if (p_rows == 1 || k == a) {
                const p_type factor = sqrt_gate * (p_type(target[k]) - p_type(y[k])) / den;
                for (int i = threadIdx.x; i < M; i += THREADS)
                    s.w[k * M + i] = s.w[k * M + i] + w_type(factor * kappa[i]);
            }
        for (int i = threadIdx.x; i < M; i += THREADS)
            s.q[(2 * a + waits) * M + i] = kappa[i] / root_den;
        if (threadIdx.x == 0)
            s.pending[a] = waits + 1;
        __syncthreads();
    }
}
