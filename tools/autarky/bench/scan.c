// The firmware's cell scan in C, for the ratio that `autarky bench` prints: us a scan.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
__attribute__((noinline)) void scan(const uint16_t *v, const uint8_t *f, int n, int32_t *o) {
  int32_t lo = 0xFFFF, li = 0, hi = -1, hx = 0, sum = 0, used = 0;
  for (int i = 0; i < n; i++) if (f[i]) {
    int32_t x = v[i]; sum += x; used++;
    if (x < lo) { lo = x; li = i; }
    if (x > hi) { hi = x; hx = i; }
  }
  o[0] = lo; o[1] = li; o[2] = hi; o[3] = hx; o[4] = sum; o[5] = used;
}
int main(void) {
  uint16_t v[] = {VALUES}; int n = sizeof v / sizeof *v;
  uint8_t f[sizeof v / sizeof *v]; int32_t o[6];
  for (int i = 0; i < n; i++) f[i] = 1;
  struct timespec a, b; const int rounds = 2000000;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int r = 0; r < rounds; r++) { scan(v, f, n, o); __asm__ volatile("" ::: "memory"); }
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%f\n", ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3) / rounds);
}
