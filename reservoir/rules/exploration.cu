// The noise by which a rule explores, as exploration.py defines it: draws of one readout step, by one thread.
__device__ void explore(const i64 *key, i64 clock, real scale, real *out)
{
    for (int first = 0; first < K; first += 4) {
        u32 words[4];
        threefry((u32)(first / 4), (u32)clock, (u32)((u64)clock >> 32), 2, (u32)key[0], (u32)key[1], words);
        for (int q = 0; q < 4 && first + q < K; q++) {
            int total = -60;
            for (u32 word = words[q], digit = 0; digit < 8; digit++, word >>= 4)
                total += word & 15;
            out[first + q] = scale * real(total);
        }
    }
}
