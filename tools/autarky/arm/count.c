/* A TCG plugin of qemu-user: guest instructions between two calls of a clock, a line each.
 *
 * qemu-arm -plugin libcount.so,out=FILE PROGRAM. Lines are as callgrind's: "totals: 1234", one for
 * each system call that reads a clock, and one at the end. The prototypes are those of
 * qemu-plugin.h, API version 1, which Debian packages in its source only. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { GETTIMEOFDAY = 78, CLOCK_GETTIME = 263, CLOCK_GETTIME64 = 403 }; /* arm EABI */
enum { INLINE_ADD_U64 = 0 };

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*called)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t, uint64_t, uint64_t, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, called);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
static uint64_t executed, told;
static FILE *out;

static void tell(void) {
  fprintf(out, "totals: %llu\n", (unsigned long long)(executed - told));
  told = executed;
}

static void on_block(plugin_id id, struct qemu_plugin_tb *block) {
  qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &executed,
                                           qemu_plugin_tb_n_insns(block));
}

static void on_call(plugin_id id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  if (number == CLOCK_GETTIME64 || number == CLOCK_GETTIME || number == GETTIMEOFDAY) tell();
}

static void on_exit_(plugin_id id, void *nothing) {
  tell();
  fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int argc, char **argv) {
  if (argc != 1 || strncmp(argv[0], "out=", 4) || !(out = fopen(argv[0] + 4, "w"))) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  qemu_plugin_register_vcpu_syscall_cb(id, on_call);
  qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
  return 0;
}
