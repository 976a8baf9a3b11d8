// One network over many blocks, for networks that no block can hold: a launch is one phase, and the next phase sees
// all of it. A block owns a range of cells; rows of weights are cut by the warp that owns the targets, and every
// warp takes the spikes in ascending order. So the order per target is the reference's, without atomics.

enum { BEGIN, MEMBRANES, LIST, DELIVER, FEATURES, READOUT };
// Job::listed: spikes of the step; whether a readout step's spikes might not fit any more; the readout step of the
// last BEGIN; whether a value is not finite.
enum { SPIKES, FULL, SINCE, FAILED };

// Phases BEGIN, LIST and READOUT are one block. The readout step is where the last READOUT left it.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_AT_ONCE) run(const Job *jobs, int phase, int sub)
{
    const int tid = threadIdx.x, lane = tid & 31;
    for (int w = tid; w < (int)(sizeof(Job) / 8); w += THREADS)
        ((u64 *)(arena + AT_JOB))[w] = ((const u64 *)jobs)[w];
    __syncthreads();
    for (int i = tid; i < NUMBERS; i += THREADS)
        number[i] = job.numbers[i];
    real *output = (real *)(arena + AT_OUTPUT), *x = job.x, *traces = job.state + TRACE * N_PAD;
    void *sums = arena + AT_SUMS;
    const i64 t = job.progress[0];
    const u64 step = job.first_step + t * SUB_STEPS + sub;
    const int to = RISES ? INFLOW : CURRENT;
    if (phase == BEGIN) {  // room for spikes again
        if (tid == 0) {
            job.reached0[0] = job.listed[FULL] = 0;
            job.listed[SINCE] = t;
        }
        if (t == 0)
            for (int i = tid; i < M; i += THREADS)
                x[i] = i == N ? job.numbers[FEATURE_BIAS] : real(0);
        return;
    }
    if (t >= job.n_steps || job.progress[1] || job.listed[FULL])
        return;
    __syncthreads();
    Parameters parameters;
    Moving state;
    Drive drive;
    parameters.load((real *)job.cells);
    state.load(job.state);
    drive.load(job.drive);

    if (phase == MEMBRANES) {
        if (sub == 0) {
            make_drive(drive, t, job.output);
            decay_traces(traces);
        }
        const u64 draw = step / HOLD, made = draw >> 1;
        const int half = 16 * (int)(draw & 1);
        FOR_OWN_GROUPS
        {
            u32 words[4] = {0, 0, 0, 0};
            if constexpr (NOISY)
                threefry(g, (u32)made, (u32)(made >> 32), (u32)(16 * job.stream + PURPOSE_MEMBRANE),
                       (u32)job.noise_seed, (u32)(job.noise_seed >> 32), words);
            for (int q = 0; q < 4; q++)
                words[q] = digit_sums(words[q]);
            advance(parameters, state, drive, traces, g, words, half, job.mask, sub);
        }
    } else if (phase == LIST) {  // the spikes of a step, ascending: for the targets, and for the record
        int *totals = (int *)sums;  // of the warps
        i64 count = 0, recorded = job.reached0[0];
        for (int first = 0; first < WORDS; first += THREADS) {
            u32 bits = first + tid < WORDS ? job.mask[first + tid] : 0;
            int upto = __popc(bits);
            for (int d = 1; d < 32; d <<= 1) {
                const int below = __shfl_up_sync(ALL, upto, d);
                upto += lane >= d ? below : 0;
            }
            if (lane == 31)
                totals[tid >> 5] = upto;
            __syncthreads();
            i64 at = count + upto - __popc(bits);
            for (int w = 0; w < WARPS; w++) {
                at += w < tid >> 5 ? totals[w] : 0;
                count += totals[w];
            }
            for (; bits; bits &= bits - 1, at++) {
                job.list[at] = 32 * (first + tid) + __ffs(bits) - 1;
                job.spikes0[recorded + at] = (u32)((t - job.listed[SINCE]) * SUB_STEPS + sub);
                job.spikes0[job.capacity + recorded + at] = job.list[at];
            }
            __syncthreads();
        }
        if (tid == 0) {
            job.listed[SPIKES] = count;
            job.reached0[0] = recorded + count;
        }
    } else if (phase == DELIVER) {
        const int slot = SLOTS > 0 ? (int)(step % (SLOTS > 0 ? SLOTS : 1)) : 0;
        for (i64 e = 0; e < job.listed[SPIKES]; e++)
            deliver_sparse(job.state + to * N_PAD, job.pending, slot, job.list[e]);
        if constexpr (SLOTS > 0)
            FOR_OWN_GROUPS FOR_ITS_CELLS
            {
                real *arriving = job.pending + (i64)slot * N_PAD + i;
                state.set(to, q, i, state.get(to, q, i) + *arriving);
                *arriving = 0;
            }
    } else if (phase == FEATURES) {
        write_features(traces, job.readouts[0] + 1, x);
        if (exploded(state))
            job.listed[FAILED] = 1;  // whoever writes it, writes this
    } else {
        const int trial_end = job.trial_end[t];
        const i64 clock = (i64)job.first_step / SUB_STEPS + t;
        FOR_EACH_READOUT(READ_OUT)
        __syncthreads();
        FOR_EACH_READOUT(LEARN)
        __syncthreads();
        if constexpr (FEEDS_BACK)
            for (int k = tid; k < K; k += THREADS)
                job.output[k] = output[k];
        if (tid == 0) {
            job.readouts[0] += 1;
            job.progress[0] = t + 1;
            job.progress[1] = job.listed[FAILED];
            job.listed[FULL] = job.reached0[0] + (i64)SUB_STEPS * N > job.capacity;
            job.reached0[1] = t + 1;
        }
    }
}
