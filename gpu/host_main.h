// After the kernel's text: its shared memory and its launch.
alignas(16) unsigned char arena[host::SHARED];

static const Job *host_jobs;
static int host_buffer, host_longest;

// Returns what went wrong, or null. `order`: 0 warps ascending, 1 descending, 2 shuffled.
extern "C" __attribute__((visibility("default"))) const char *launch(const void *jobs, int buffer, int longest, int blocks, int threads, int shared_bytes,
                              int order, unsigned long long random)
{
    host_jobs = (const Job *)jobs;
    host_buffer = buffer;
    host_longest = longest;
    host::body = [] { run(host_jobs, host_buffer, host_longest); };
    host::fibers.resize(threads);
    host::stacks.resize((size_t)threads * host::STACK);
    for (int n = 0; n < blocks; n++) {
        const int b = order == 1 ? blocks - 1 - n : order == 2 ? (n + (int)(random % blocks)) % blocks : n;
        blockIdx.x = b;
        memset(arena, 0xFF, shared_bytes);
        if (!host::run_block(threads, order, random + b))
            return host::fault;
    }
    return 0;
}
