// One network in one thread block: cells, spikes, currents, traces; what reservoir/reference.py defines.
//
// Thread t owns the noise groups g = t, t + THREADS, ... below QUARTER, and of each its four cells q QUARTER + g.
// A warp's ballot over one q is so one word of the spike mask, and rows of weights are read coalesced.

constexpr int GROUPS = WIDE ? 1 : (QUARTER + THREADS - 1) / THREADS;  // per thread
constexpr int N_PAD = 4 * QUARTER;
constexpr int WORDS = N_PAD / 32;
constexpr bool STATE_IN_REGISTERS = GROUPS == 1 && !HEAVY && !WIDE;

// Rows of Job::cells: what every step needs, what a spike needs, what a readout step needs.
enum { K_, DT_OVER_C, V_REST, V_THRESHOLD, V_PEAK, A_DT, B, CURRENT_FACTOR, INFLOW_FACTOR, PARAMETERS,
       RESET = PARAMETERS, JUMP, BIAS, ENCODERS, FEEDBACK = ENCODERS + CHANNELS_IN };
// Rows of Job::state.
enum { V, U, CURRENT, INFLOW, TRACE, TRACE_INFLOW, MEAN, VARIANCE, STATES };
constexpr int MOVING = TRACE;                      // v, u and currents change every step
constexpr int TRACES = STATES - TRACE;             // the others every readout step or at a spike
// Job::numbers.
enum { TRACE_JUMP, INFLOW_JUMP = TRACE_JUMP + SUB_STEPS, NOISE_SCALE = INFLOW_JUMP + SUB_STEPS, INFLOW_DT, TRACE_KEEP,
       TRACE_COUPLE, INFLOW_KEEP, SCALE, FEATURE_BIAS, RATE, FLOOR, INFINITE, TINY, TINY_SQUARED, NUMBERS };

// The arena.
constexpr int align16(int bytes) { return (bytes + 15) / 16 * 16; }
constexpr int AT_JOB = 0;
constexpr int AT_MASK = AT_JOB + align16(sizeof(Job));              // [2][WORDS] u32: one is written while one is read
constexpr int AT_NUMBERS = AT_MASK + (WIDE ? 0 : align16(2 * WORDS * 4));        // [NUMBERS]
constexpr int AT_X = AT_NUMBERS + align16(NUMBERS * sizeof(real));  // [M] features
constexpr int AT_SUMS = AT_X + (WIDE ? 0 : align16(M * sizeof(real)));           // [SUMS] doubles: results of dot products
constexpr int AT_OUTPUT = AT_SUMS + align16(SUMS * 8);              // [READOUTS + 1][K]; the last is fed back
constexpr int AT_CURRENT = AT_OUTPUT + align16((READOUTS + 1) * K * sizeof(real));  // [N_PAD], sparse rows only
constexpr int AT_TRACES = AT_CURRENT + (DENSE || WIDE ? 0 : align16(N_PAD * sizeof(real)));
constexpr int AT_WORKSPACE = AT_TRACES + (SHARED_TRACES ? align16(TRACES * N_PAD * sizeof(real)) : 0);
static_assert(AT_WORKSPACE + WORKSPACE_BYTES == SHARED_BYTES, "the host allocates what is laid out here");

#define job (*(const Job *)(arena + AT_JOB))
#define number ((real *)(arena + AT_NUMBERS))

// Rows of numbers that a thread keeps of its own cells: in registers, or where they are.
template <int ROWS, bool KEPT>
struct Own {
    real kept[KEPT ? ROWS : 1][4];
    real *rows;

    __device__ __forceinline__ void load(real *from)
    {
        rows = from;
        if constexpr (KEPT)
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int q = 0; q < 4; q++)
                    kept[r][q] = threadIdx.x < QUARTER ? rows[r * N_PAD + q * QUARTER + threadIdx.x] : real(0);
    }
    __device__ __forceinline__ real get(int row, int q, int i) const { return KEPT ? kept[row][q] : rows[row * N_PAD + i]; }
    __device__ __forceinline__ void set(int row, int q, int i, real value)
    {
        if constexpr (KEPT)
            kept[row][q] = value;
        else
            rows[row * N_PAD + i] = value;
    }
    __device__ __forceinline__ void store()
    {
        if constexpr (KEPT)
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int q = 0; q < 4; q++)
                    if (threadIdx.x < QUARTER)
                        rows[r * N_PAD + q * QUARTER + threadIdx.x] = kept[r][q];
    }
};

typedef Own<PARAMETERS, PARAMETERS_IN_REGISTERS> Parameters;
typedef Own<MOVING, STATE_IN_REGISTERS> Moving;
typedef Own<1, STATE_IN_REGISTERS> Drive;

// For each own group and its four cells. `g` is the same in no two threads; a warp takes or leaves a group as one.
#define FOR_OWN_GROUPS                                             \
    _Pragma("unroll") for (int b = 0; b < GROUPS; b++)             \
        if (const int g = (WIDE ? blockIdx.x : b) * THREADS + threadIdx.x; g < QUARTER)
#define FOR_ITS_CELLS _Pragma("unroll") for (int q = 0, i = g; q < 4; q++, i += QUARTER)
#define FOR_ITS_CELLS_IN_TURN _Pragma("unroll 1") for (int i = g; i < N_PAD; i += QUARTER)

// dt dv/dt and dt du/dt:  C dv/dt = k (v - v_r)(v - v_t) - u + I,  du/dt = a (b (v - v_r) - u).
__device__ __forceinline__ void slopes(const Parameters &p, int q, int i, real v, real u, real total, real &dv, real &du)
{
    real above_rest = v - p.get(V_REST, q, i);
    dv = p.get(DT_OVER_C, q, i) * (p.get(K_, q, i) * above_rest * (v - p.get(V_THRESHOLD, q, i)) - u + total);
    du = p.get(A_DT, q, i) * (p.get(B, q, i) * above_rest - u);
}

// One cell, one step; returns whether it fired. The four cells of a thread have no branch between them, so that
// their chains of operations overlap; `reset` follows for those that fired.
__device__ __forceinline__ bool membrane(const Parameters &p, Moving &s, int q, int i, real drive, real noise)
{
    real v = s.get(V, q, i), u = s.get(U, q, i), current = s.get(CURRENT, q, i);
    real decayed = current * p.get(CURRENT_FACTOR, q, i);
    if constexpr (RISES)
        decayed = decayed + s.get(INFLOW, q, i) * number[INFLOW_DT];
    real dv, du;
    slopes(p, q, i, v, u, (drive + current) + noise, dv, du);
    real v_next = v + dv, u_next = u + du;
    if constexpr (HEUN) {
        real dv_end, du_end;
        slopes(p, q, i, v_next, u_next, (drive + decayed) + noise, dv_end, du_end);
        v_next = v + real(0.5) * (dv + dv_end);
        u_next = u + real(0.5) * (du + du_end);
    }
    s.set(V, q, i, v_next);
    s.set(U, q, i, u_next);
    s.set(CURRENT, q, i, decayed);
    if constexpr (RISES)
        s.set(INFLOW, q, i, s.get(INFLOW, q, i) * p.get(INFLOW_FACTOR, q, i));
    return v_next >= p.get(V_PEAK, q, i);
}

// A cell that fired. A step that ends far above the peak is an explosion, not a spike: see BLOW_UP_MV.
__device__ __forceinline__ void reset(const Parameters &p, Moving &s, int q, int i)
{
    const bool sane = s.get(V, q, i) - p.get(V_PEAK, q, i) <= real(BLOW_UP_MV);
    s.set(V, q, i, sane ? job.cells[RESET * N_PAD + i] : number[INFINITE]);
    s.set(U, q, i, s.get(U, q, i) + job.cells[JUMP * N_PAD + i]);
}

// The sum of four digits, minus its mean. A number whose last bit is worth 1 takes the sum into its last bits: exact,
// and cheaper than a conversion.
__device__ __forceinline__ float centred(u32 sum, float) { return __uint_as_float(0x4B000000u | sum) - 8388638.0f; }
__device__ __forceinline__ double centred(u32 sum, double)
{
    return __hiloint2double(0x43300000, (int)sum) - 4503599627370526.0;
}

// drive = bias + inputs x encoders + extra current + feedback x last output, in this order.
__device__ __forceinline__ void make_drive(Drive &drive, i64 t, const real *output)
{
    const real *input = job.inputs + t * CHANNELS_IN;
    FOR_OWN_GROUPS FOR_ITS_CELLS
    {
        real d = job.cells[BIAS * N_PAD + i];
        for (int c = 0; c < CHANNELS_IN; c++)
            if (input[c] != 0)
                d = d + input[c] * job.cells[(ENCODERS + c) * N_PAD + i];
        if constexpr (EXTRA_CURRENT)
            d = d + job.current[t * N_PAD + i];
        if constexpr (FEEDS_BACK)
            for (int k = 0; k < K; k++)
                d = d + job.cells[(FEEDBACK + k) * N_PAD + i] * output[k];
        drive.set(0, q, i, d);
    }
}

// Call `each(j)` for the spikes of a step, j ascending, in every thread.
template <class F>
__device__ __forceinline__ void for_each_spike(const u32 *mask, F each)
{
    const int lane = threadIdx.x & 31;
    for (int first = 0; first < WORDS; first += 32) {
        u32 word = first + lane < WORDS ? mask[first + lane] : 0;
        for (u32 some = __ballot_sync(ALL, word != 0); some; some &= some - 1) {
            const int w = __ffs(some) - 1;
            for (u32 bits = __shfl_sync(ALL, word, w); bits; bits &= bits - 1)
                each(32 * (first + w) + __ffs(bits) - 1);
        }
    }
}

// The record of a step's spikes, ascending, after `count` earlier ones; by one warp.
__device__ __forceinline__ void record(const u32 *mask, int count, u32 when, u32 *spike_step, u32 *spike_cell)
{
    const int lane = threadIdx.x & 31;
    for (int first = 0; first < WORDS; first += 32) {
        u32 bits = first + lane < WORDS ? mask[first + lane] : 0;
        int upto = __popc(bits);
        for (int d = 1; d < 32; d <<= 1) {
            const int below = __shfl_up_sync(ALL, upto, d);
            upto += lane >= d ? below : 0;
        }
        for (int at = count + upto - __popc(bits); bits; bits &= bits - 1, at++) {
            spike_step[at] = when;
            spike_cell[at] = 32 * (first + lane) + __ffs(bits) - 1;
        }
        count += __shfl_sync(ALL, upto, 31);
    }
}

// Dense rows: absent synapses hold -0, which changes no sum.
__device__ __forceinline__ void deliver_row(Moving &s, int j)
{
    const real *row = job.weight + (i64)j * N_PAD;
    FOR_OWN_GROUPS FOR_ITS_CELLS
    {
        const int to = RISES ? INFLOW : CURRENT;
        s.set(to, q, i, s.get(to, q, i) + row[i]);
    }
}

// Sparse rows, cut by the warp that owns the target: no two lanes meet, and a warp takes its spikes in order.
__device__ __forceinline__ void deliver_sparse(real *received, real *pending, int slot, int j)
{
    const u32 *cut = job.cut + (i64)j * CUTS + (WIDE ? blockIdx.x * WARPS : 0) + (threadIdx.x >> 5);
    for (u32 p = cut[0] + (threadIdx.x & 31); p < cut[1]; p += 32) {
        u32 to = job.target[p];
        if constexpr (SLOTS > 0) {
            int late = slot + (int)job.delay[p];
            real *place = pending + (i64)(late < SLOTS ? late : late - SLOTS) * N_PAD + to;
            *place = *place + job.weight[p];
        } else {
            received[to] = received[to] + job.weight[p];
        }
    }
    __syncwarp();
}

__device__ __forceinline__ real or_zero(real a, real least) { return a >= least ? a : real(0); }

// x = (features of the traces, bias, zeros): the features of own cells; see reservoir/traces.py.
__device__ __forceinline__ void write_features(real *traces, i64 readouts, real *x)
{
    const real weight = larger(number[RATE], real(1) / real(readouts));
    FOR_OWN_GROUPS FOR_ITS_CELLS_IN_TURN
    {
        if (i >= N)
            continue;
        real trace = traces[i];
        if constexpr (NORMALISED) {
            real *mean = traces + (MEAN - TRACE) * N_PAD + i, *variance = traces + (VARIANCE - TRACE) * N_PAD + i;
            real deviation = trace - *mean;
            real mean_next = or_zero(*mean + weight * deviation, number[TINY]);
            real variance_next =
                or_zero(*variance + weight * (deviation * deviation - *variance), number[TINY_SQUARED]);
            *mean = mean_next;
            *variance = variance_next;
            x[i] = (trace - mean_next) / (root(variance_next) + number[FLOOR]) * number[SCALE];
        } else {
            x[i] = trace * number[SCALE];
        }
    }
}

// Traces before the spikes of a readout step, of own cells.
__device__ __forceinline__ void decay_traces(real *traces)
{
    FOR_OWN_GROUPS FOR_ITS_CELLS_IN_TURN
    {
        if constexpr (TRACE_RISES) {
            real *inflow = traces + (TRACE_INFLOW - TRACE) * N_PAD + i;
            traces[i] = or_zero(traces[i] * number[TRACE_KEEP] + *inflow * number[TRACE_COUPLE], number[TINY]);
            *inflow = or_zero(*inflow * number[INFLOW_KEEP], number[TINY]);
        } else {
            traces[i] = or_zero(traces[i] * number[TRACE_KEEP], number[TINY]);
        }
    }
}

// What a spike in sub-step `sub` leaves in the trace of its cell.
__device__ __forceinline__ void leave_trace(real *traces, int i, int sub)
{
    traces[i] = traces[i] + number[TRACE_JUMP + sub];
    if constexpr (TRACE_RISES)
        traces[(TRACE_INFLOW - TRACE) * N_PAD + i] += number[INFLOW_JUMP + sub];
}

// One step of a group's four cells, of one bit each in `mask`; returns whether a cell of the warp fired.
__device__ __forceinline__ bool advance(const Parameters &p, Moving &s, const Drive &drive, real *traces, int g,
                                        const u32 *digits, int half, u32 *mask, int sub)
{
    bool fired[4];
    FOR_ITS_CELLS
    {
        real noise = 0;
        if constexpr (NOISY)
            noise = number[NOISE_SCALE] * centred(digits[q] >> half & 0xFFFFu, real());
        fired[q] = membrane(p, s, q, i, drive.get(0, q, i), noise);
    }
    u32 some = 0;
    FOR_ITS_CELLS
    {
        const u32 word = __ballot_sync(ALL, fired[q]);
        if ((threadIdx.x & 31) == 0)
            mask[i / 32] = word;
        some |= word;
    }
    if (some)
        FOR_ITS_CELLS
        if (fired[q]) {
            reset(p, s, q, i);
            leave_trace(traces, i, sub);
        }
    return some != 0;
}

// Whether a value of an own cell is not finite.
__device__ __forceinline__ bool exploded(const Moving &s)
{
    bool bad = false;
    FOR_OWN_GROUPS FOR_ITS_CELLS
    bad = bad || !(finite(s.get(V, q, i)) && finite(s.get(U, q, i)) && finite(s.get(CURRENT, q, i)));
    return bad;
}

// What one readout does in readout step t, of the kernel's own names: first all say y, then all learn.
#define READ_OUT(r) readout##r::read_out(job.readout##r, t, x, output + r * K);
#define LEARN(r)                                                                                                       \
    readout##r::learn(job.readout##r, t, clock, trial_end, job.learns, x, output + r * K, job.outcome, sums,           \
                      arena + AT_WORKSPACE);
