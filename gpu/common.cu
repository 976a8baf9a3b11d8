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

// Threefry4x32-12 (Salmon et al. 2011): counter (group, low and high half of draw / 2, 16 stream + purpose), key
// (k0, k1, 0, 0).
__device__ __forceinline__ void threefry(u32 x0, u32 x1, u32 x2, u32 x3, u32 k0, u32 k1, u32 out[4])
{
    constexpr int TURNS[8][2] = {{10, 26}, {11, 21}, {13, 27}, {23, 5}, {6, 20}, {17, 11}, {25, 10}, {18, 20}};
    const u32 key[5] = {k0, k1, 0, 0, 0x1BD11BDAu ^ k0 ^ k1};
    x0 += k0;
    x1 += k1;
#pragma unroll
    for (int r = 0; r < 12; r++) {
        u32 &a = r & 1 ? x3 : x1, &b = r & 1 ? x1 : x3;
        const int bits = TURNS[r & 7][0], others = TURNS[r & 7][1];
        x0 += a;
        a = (a << bits | a >> (32 - bits)) ^ x0;
        x2 += b;
        b = (b << others | b >> (32 - others)) ^ x2;
        if (r % 4 == 3) {
            const int turn = (r + 1) / 4;
            x0 += key[turn % 5];
            x1 += key[(turn + 1) % 5];
            x2 += key[(turn + 2) % 5];
            x3 += key[(turn + 3) % 5] + turn;
        }
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

// Sums of four four-bit digits of both halves of a word: draw 2 n below, draw 2 n + 1 above.
__device__ __forceinline__ u32 digit_sums(u32 word)
{
    u32 pairs = (word & 0x0F0F0F0Fu) + ((word >> 4) & 0x0F0F0F0Fu);
    return (pairs + (pairs >> 8)) & 0x00FF00FFu;
}
