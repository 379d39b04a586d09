#ifndef FIBER_WORLD_H
#define FIBER_WORLD_H

#include "base/err.h"
#include "fiber/fiber.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All that comes from outside the program: time of day, chance, and threads that may block.
 *
 * There are two.  The real one drives a libuv loop, with threads for what blocks.  The
 * simulated one has virtual time: whenever every fiber waits, the clock jumps to the next
 * that waits for a time, so a test of one second takes a microsecond and three tools of one
 * second take exactly one; chance comes from a seed; lanes run their work in line.  A run
 * repeats by its seed.
 *
 * A server owns one world; several servers may share one in a simulation.  Sockets, files
 * and processes stand above: net/ and db/ wrap their libraries and take what they need
 * from here (world_loop() for sockets, lanes for what blocks).
 *
 * world_crash() is the end of a simulated process: nothing in the world works any more,
 * every wait fails, lanes refuse, fibers unwind through their error paths, and nothing of
 * what they still do reaches the disk.  The test then opens the same files in a new world. */

struct world;
typedef struct uv_loop_s uv_loop_t;

struct world *world_real(struct err *e);
struct world *world_sim(uint64_t seed);
void world_free(struct world *w); /* after world_run() has returned and every lane was freed */

/* Run fn on a fiber until it and every fiber started has ended.  Once per world. */
void world_run(struct world *w, fiber_fn *fn, void *arg);

int64_t world_time(struct world *w); /* milliseconds since 1970, UTC */
void world_random(struct world *w, void *bytes, size_t n);
/* An id: prefix and 20 letters of chance (100 bits), "c_h3k...".  In mem or on the heap is the
 * caller's business: out has room for WORLD_ID_SIZE. */
#define WORLD_ID_SIZE 32
char *world_id(struct world *w, const char *prefix, char out[WORLD_ID_SIZE]);

uv_loop_t *world_loop(struct world *w); /* NULL in a simulation */

/* Simulation only.  Start the clock at this time of day; let each lane job take up to so many
 * virtual milliseconds, by chance; end the world. */
void world_sim_time(struct world *w, int64_t ms);
void world_sim_jitter(struct world *w, int max_ms);
void world_crash(struct world *w);
bool world_crashed(const struct world *w);

/* A lane: threads for work that blocks, at most `threads` jobs at a time, first come first
 * served.  One thread makes it a queue: jobs run in order, one after another. */
struct lane;

struct lane *lane_new(struct world *w, const char *name, int threads);
void lane_free(struct lane *l); /* waits for what runs; call it on no fiber or the last one */

/* Run fn(arg) on the lane and wait for it.
 *
 * When the deadline or the scope's comes, or the scope is cancelled: a job that has not begun
 * is taken back; for one that runs, interrupt(arg) is called once (NULL: it is left to run), and
 * we go on waiting until fn has returned, because arg is usually on this fiber's stack.
 * 0: fn ran and was not interrupted.  -1: ERR_TIMEOUT, ERR_CANCELED, or ERR_IO in a crashed world;
 * *ran (may be NULL) says whether fn ran at all. */
int lane_run(struct lane *l, void (*fn)(void *), void *arg, void (*interrupt)(void *),
    int64_t deadline, bool *ran, struct err *e);

#endif
