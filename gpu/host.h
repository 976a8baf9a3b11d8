// Runs the kernel's text, unmodified, on the host: one fiber per thread, one block after another.
//
// A fiber runs until it meets a barrier or a collective of its warp. Warps take turns in ascending, descending or
// shuffled order, so what depends on their order differs between orders; shared memory starts as NaN; threads that
// part at a barrier, or lanes that part at a collective, are an error.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define __global__
#define __device__
#define __shared__
#define __forceinline__ inline
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)

struct HostIndex {
    int x;
};
static HostIndex threadIdx, blockIdx;

namespace host {
enum Place { RUNNING, AT_BARRIER, AT_COLLECTIVE, DONE };
struct Fiber {
    ucontext_t start;
    jmp_buf at;
    bool started;
    Place place;
    const char *site;
};
constexpr int STACK = 131072, MOST = 1024, SHARED = 232448;

static std::vector<Fiber> fibers;
static std::vector<char> stacks;
static ucontext_t scheduler_start;
static jmp_buf scheduler;
static int current, size;
static void (*body)();
static unsigned long long deposited[2][MOST];  // what the lanes of a warp tell each other; double-buffered
static int parity[MOST], any[2], barriers;
static char fault[200];

inline void leave(Place place, const char *site)
{
    Fiber &me = fibers[current];
    me.place = place;
    me.site = site;
    if (!_setjmp(me.at))
        _longjmp(scheduler, 1);
    asm volatile("" ::: "memory");  // others have run
}
inline void enter()
{
    body();
    fibers[current].place = DONE;
    _longjmp(scheduler, 1);
}
inline void resume(int thread)
{
    current = threadIdx.x = thread;
    Fiber &f = fibers[thread];
    f.place = RUNNING;
    if (_setjmp(scheduler))
        return;
    if (f.started)
        _longjmp(f.at, 1);
    f.started = true;
    setcontext(&f.start);
}
inline bool complain(const char *what, const char *site)
{
    snprintf(fault, sizeof fault, "block %d: %s (%s)", blockIdx.x, what, site ? site : "the end");
    return false;
}

// Runs a warp until all its lanes are at a barrier or done.
inline bool run_warp(int first, bool backwards)
{
    for (;;) {
        int met = 0;
        const char *site = 0;
        for (int l = 0; l < 32; l++) {
            const int t = first + (backwards ? 31 - l : l);
            if (fibers[t].place == RUNNING || fibers[t].place == AT_COLLECTIVE)
                resume(t);
            if (fibers[t].place != AT_COLLECTIVE)
                continue;
            if (met++ && fibers[t].site != site)
                return complain("lanes of a warp meet at different collectives", fibers[t].site);
            site = fibers[t].site;
        }
        if (met == 0)
            return true;
        if (met != 32)
            return complain("not all lanes of a warp reach a collective", site);
    }
}

inline bool run_block(int threads, int order, unsigned long long random)
{
    size = threads;
    barriers = any[0] = any[1] = 0;
    for (int t = 0; t < threads; t++) {
        Fiber &f = fibers[t];
        f.started = false;
        f.place = RUNNING;
        parity[t] = 0;
        getcontext(&f.start);
        f.start.uc_stack.ss_sp = stacks.data() + (size_t)t * STACK;
        f.start.uc_stack.ss_size = STACK;
        f.start.uc_link = 0;
        makecontext(&f.start, enter, 0);
    }
    std::vector<int> warps(threads / 32);
    for (;;) {
        const int n = (int)warps.size();
        for (int w = 0; w < n; w++)
            warps[w] = order == 1 ? n - 1 - w : w;
        if (order == 2)
            for (int w = n - 1; w > 0; w--) {
                random = random * 6364136223846793005ull + 1442695040888963407ull;
                std::swap(warps[w], warps[(random >> 33) % (w + 1)]);
            }
        for (int w : warps)
            if (!run_warp(32 * w, order == 1))
                return false;
        int done = 0;
        const char *site = 0;
        for (int t = 0; t < threads; t++) {
            Fiber &f = fibers[t];
            if (f.place == DONE) {
                done++;
                continue;
            }
            if (site && f.site != site)
                return complain("threads meet at different barriers", f.site);
            site = f.site;
            f.place = RUNNING;
        }
        if (done == threads)
            return true;
        if (done)
            return complain("not all threads reach a barrier", site);
        barriers++;
        any[(barriers + 1) & 1] = 0;  // the next barrier's
    }
}

template <class T>
inline T exchange(T value, int from, const char *site)
{
    const int me = current, p = parity[me];
    T found;
    memcpy(&deposited[p][me], &value, sizeof value);
    leave(AT_COLLECTIVE, site);
    parity[me] = p ^ 1;
    memcpy(&found, &deposited[p][(me & ~31) + from], sizeof found);
    return found;
}
inline unsigned ballot(bool predicate, const char *site)
{
    const int me = current, p = parity[me];
    deposited[p][me] = predicate;
    leave(AT_COLLECTIVE, site);
    parity[me] = p ^ 1;
    unsigned bits = 0;
    for (int l = 0; l < 32; l++)
        bits |= (unsigned)deposited[p][(me & ~31) + l] << l;
    return bits;
}
inline bool barrier_or(bool predicate, const char *site)
{
    if (predicate)
        any[(barriers + 1) & 1] = 1;
    leave(AT_BARRIER, site);
    return any[barriers & 1];
}
}  // namespace host

#define HOST_TEXT_(a) #a
#define HOST_TEXT(a) HOST_TEXT_(a)
#define HOST_SITE ([]() -> const char * { static const char site[] = __FILE__ ":" HOST_TEXT(__LINE__); return site; }())
#define __syncthreads() host::leave(host::AT_BARRIER, HOST_SITE)
#define __syncthreads_or(p) host::barrier_or(p, HOST_SITE)
#define __syncwarp() host::leave(host::AT_COLLECTIVE, HOST_SITE)
#define __shfl_xor_sync(mask, value, lanes) host::exchange(value, (host::current & 31) ^ (lanes), HOST_SITE)
#define __shfl_sync(mask, value, lane) host::exchange(value, lane, HOST_SITE)
#define __ballot_sync(mask, predicate) host::ballot(predicate, HOST_SITE)
#define __shfl_up_sync(mask, value, lanes) \
    host::exchange(value, (host::current & 31) < (lanes) ? (host::current & 31) : (host::current & 31) - (lanes), HOST_SITE)
inline float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
inline double __hiloint2double(int high, int low)
{
    const unsigned long long bits = (unsigned long long)(unsigned)high << 32 | (unsigned)low;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
#define __popc(word) __builtin_popcount(word)
#define __ffs(word) __builtin_ffs((int)(word))
