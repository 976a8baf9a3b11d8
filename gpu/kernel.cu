// The kernel: every block carries one network through its readout steps, from where an earlier launch left it.

// Stops before a readout step whose spikes might not fit; the next launch goes on there.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_AT_ONCE) run(const Job *jobs, int buffer, int longest)
{
    const int tid = threadIdx.x;
    for (int w = tid; w < (int)(sizeof(Job) / 8); w += THREADS)
        ((u64 *)(arena + AT_JOB))[w] = ((const u64 *)(jobs + blockIdx.x))[w];
    __syncthreads();
    const i64 begin = job.progress[0];
    const i64 end = begin + longest < job.n_steps ? begin + longest : job.n_steps;
    i64 *reached = buffer ? job.reached1 : job.reached0;  // spikes written, readout step reached
    if (tid == 0) {
        reached[0] = 0;
        reached[1] = begin;
    }
    if (begin >= end || job.progress[1])
        return;

    u32(*mask)[WORDS] = (u32(*)[WORDS])(arena + AT_MASK);
    real *x = (real *)(arena + AT_X), *output = (real *)(arena + AT_OUTPUT);
    void *sums = arena + AT_SUMS;
    real *received = (real *)(arena + AT_CURRENT);
    real *traces = SHARED_TRACES ? (real *)(arena + AT_TRACES) : job.state + TRACE * N_PAD;
    for (int i = tid; i < NUMBERS; i += THREADS)
        number[i] = job.numbers[i];
    for (int i = tid; i < M; i += THREADS)
        x[i] = i == N ? job.numbers[FEATURE_BIAS] : real(0);
    if (SHARED_TRACES)
        for (int i = tid; i < TRACES * N_PAD; i += THREADS)
            traces[i] = job.state[TRACE * N_PAD + i];
    real *fed_back = output + READOUTS * K;
    for (int k = tid; k < K; k += THREADS)
        fed_back[k] = job.output[k];
    Parameters parameters;
    Moving state;
    Drive drive;
    parameters.load((real *)job.cells);
    state.load(job.state);
    drive.load(job.drive);
    const u64 stream = 16 * job.stream + PURPOSE_MEMBRANE;
    const u32 key0 = (u32)job.noise_seed, key1 = (u32)(job.noise_seed >> 32);
    u32 *spike_step = buffer ? job.spikes1 : job.spikes0, *spike_cell = spike_step + job.capacity;
    u64 step = job.first_step + begin * SUB_STEPS, made = ~(u64)0;
    u32 words[NOISY ? GROUPS : 1][4];
    i64 t = begin;
    int count = 0;
    int into = 0;
    bool failed = false;
    __syncthreads();

    for (; t < end && count + (i64)SUB_STEPS * N <= job.capacity && !failed; t++) {
        make_drive(drive, t, fed_back);
        decay_traces(traces);
#pragma unroll 1
        for (int sub = 0; sub < SUB_STEPS; sub++, step++, into ^= 1) {
            if constexpr (NOISY) {
                const u64 draw = step / HOLD;
                if (draw >> 1 != made) {  // one call serves two draws
                    made = draw >> 1;
                    FOR_OWN_GROUPS
                    {
                        threefry(g, (u32)made, (u32)(made >> 32), (u32)stream, key0, key1, words[b]);
#pragma unroll
                        for (int q = 0; q < 4; q++)
                            words[b][q] = digit_sums(words[b][q]);
                    }
                }
            }
            const int half = NOISY ? 16 * (int)(step / HOLD & 1) : 0;
            bool any = false;
            FOR_OWN_GROUPS
            any = advance(parameters, state, drive, traces, g, words[NOISY ? b : 0], half, mask[into], sub) || any;
            // The only barrier of a step: who is a step ahead writes the other mask.
            const bool spikes = __syncthreads_or(any);
            if (spikes || SLOTS > 0) {
                const int to = RISES ? INFLOW : CURRENT;
                const int slot = SLOTS > 0 ? (int)(step % (SLOTS > 0 ? SLOTS : 1)) : 0;
                if constexpr (!DENSE && SLOTS == 0) {
                    FOR_OWN_GROUPS FOR_ITS_CELLS received[i] = state.get(to, q, i);
                    __syncwarp();
                }
                if (spikes && tid >> 5 == sub % WARPS)
                    record(mask[into], count, (u32)((t - begin) * SUB_STEPS + sub), spike_step, spike_cell);
                for_each_spike(mask[into], [&](int j) {
                    if constexpr (DENSE)
                        deliver_row(state, j);
                    else
                        deliver_sparse(received, job.pending, slot, j);
                    count++;
                });
                if constexpr (!DENSE)
                    FOR_OWN_GROUPS FOR_ITS_CELLS
                    {
                        if constexpr (SLOTS > 0) {
                            real *arriving = job.pending + (i64)slot * N_PAD + i;
                            state.set(to, q, i, state.get(to, q, i) + *arriving);
                            *arriving = 0;
                        } else {
                            state.set(to, q, i, received[i]);
                        }
                    }
            }
        }
        write_features(traces, job.readouts[0] + (t - begin) + 1, x);
        failed = __syncthreads_or(exploded(state));
        const int trial_end = job.trial_end[t];
        const i64 clock = (i64)job.first_step / SUB_STEPS + t;
        FOR_EACH_READOUT(READ_OUT)
        __syncthreads();
        FOR_EACH_READOUT(LEARN)
        if constexpr (FEEDS_BACK) {
            for (int k = tid; k < K; k += THREADS)
                fed_back[k] = output[k];
            __syncthreads();
        }
    }

    state.store();
    if (SHARED_TRACES)
        for (int i = tid; i < TRACES * N_PAD; i += THREADS)
            job.state[TRACE * N_PAD + i] = traces[i];
    __syncthreads();  // all have read what follows
    if (FEEDS_BACK)
        for (int k = tid; k < K; k += THREADS)
            job.output[k] = fed_back[k];
    if (tid == 0) {
        job.readouts[0] += t - begin;
        job.progress[0] = t;
        job.progress[1] = failed;
        reached[0] = count;
        reached[1] = t;
    }
}
