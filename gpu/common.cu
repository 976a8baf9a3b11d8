// Types, the canonical sum and the noise generator: what reservoir/dot.py and reservoir/noise.py define.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef REAL real;

constexpr u32 ALL = 0xffffffffu;
constexpr int WARPS = THREADS / 32;

extern __shared__ __align__(16) unsigned char arena[];  // all shared memory; laid out in network.cu

__device__ __forceinline__ float root(float a) { return sqrtf(a); }
__device__ __forceinline__ double root(double a) { return sqrt(a); }

template <class T>
__device__ __forceinline__ T larger(T a, T b)  // as Python's max: the first unless the second is above it
{
    return b > a ? b : a;
}

template <class T>
__device__ __forceinline__ T smaller(T a, T b)  // as Python's min
{
    return b < a ? b : a;
}

template <class T>
__device__ __forceinline__ bool finite(T a)
{
    return a - a == 0;
}

// Halve the lanes until one sum is left: a[:h] + a[h:] for h = 16, 8, 4, 2, 1. Every lane gets it.
template <class T>
__device__ __forceinline__ T fold(T a)
{
#pragma unroll
    for (int h = 16; h; h >>= 1)
        a = a + __shfl_xor_sync(ALL, a, h);
    return a;
}

// DOT(a, b) over M numbers by one warp: acc[l] += a[32 J + l] b[32 J + l], J ascending, then folded.
template <class T>
__device__ __forceinline__ T dot(const T *a, const T *b)
{
    T acc = 0;
    constexpr int AHEAD = (HEAVY ? 16 : 64) / sizeof(T);  // loads under way; more of them spill registers
#pragma unroll AHEAD
    for (int i = threadIdx.x & 31; i < M; i += 32)
        acc = acc + a[i] * b[i];
    return fold(acc);
}

// Philox4x32-10 (Salmon et al. 2011): counter (group, low and high half of draw / 2, 16 stream + purpose).
__device__ __forceinline__ void philox(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1, u32 out[4])
{
#pragma unroll
    for (int r = 0; r < 10; r++) {
        u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

// Sums of four four-bit digits of both halves of a word: draw 2 n below, draw 2 n + 1 above.
__device__ __forceinline__ u32 digit_sums(u32 word)
{
    u32 pairs = (word & 0x0F0F0F0Fu) + ((word >> 4) & 0x0F0F0F0Fu);
    return (pairs + (pairs >> 8)) & 0x00FF00FFu;
}
