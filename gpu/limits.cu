// What a card can do: instructions that do not wait for each other, and bytes that are read and written once.
typedef unsigned int u32;
typedef unsigned long long u64;

extern __shared__ __align__(16) unsigned char arena[];

struct Job {
    u64 memory, numbers;  // address, and how many float4 there are
};

// kind 0: `rounds` rounds of 32 additions and multiplications per thread; 1: wide products of integers with
// exclusive ors; 2: one pass over the memory.
extern "C" __global__ void __launch_bounds__(256) run(const Job *jobs, int kind, int rounds)
{
    const u32 place = blockIdx.x * 256 + threadIdx.x;
    float *memory = (float *)jobs->memory;
    if (kind == 0) {
        float a[8];
#pragma unroll
        for (int i = 0; i < 8; i++)
            a[i] = memory[place % 1024] + i;
#pragma unroll 1
        for (int r = 0; r < rounds; r++)
#pragma unroll
            for (int i = 0; i < 32; i++)
                a[i & 7] = i & 8 ? a[i & 7] * 0.999f : a[i & 7] + 0.001f;
        if (a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7] == 12345.f)
            memory[place % 1024] = 0;  // never; but the compiler cannot know
    } else if (kind == 1) {
        u32 a[8];
#pragma unroll
        for (int i = 0; i < 8; i++)
            a[i] = place * 8 + i + (u32)memory[place % 1024];
#pragma unroll 1
        for (int r = 0; r < rounds; r++)
#pragma unroll
            for (int i = 0; i < 16; i++)
                a[i & 7] = (u32)(((u64)a[i & 7] * 0xD2511F53u) >> 32) ^ a[(i + 1) & 7];
        if ((a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] ^ a[5] ^ a[6] ^ a[7]) == 12345u)
            memory[place % 1024] = 0;
    } else {
        struct alignas(16) Four {
            float a, b, c, d;
        } *four = (Four *)memory;
        for (u64 i = place; i < jobs->numbers; i += (u64)rounds * 256) {  // rounds = blocks
            Four f = four[i];
            f.a = f.a + 1.f;
            four[i] = f;
        }
    }
}
