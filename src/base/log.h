#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

/* What the operator reads on stderr: one line of text a fact, level first.
 *
 * The level is one of the few globals of the program; the others are a thread's own: its fibers
 * (fiber/) and the blocks its next arena takes (base/arena.c).  A line never holds a secret, a
 * customer's words or a tool's arguments: ids, names, counts, reasons.  Safe from every thread. */

enum log_level {
	LOG_ERROR, /* somebody must do something */
	LOG_WARN,  /* it works, but not as configured */
	LOG_INFO,  /* what an operator asks: started, stopped, handed over */
	LOG_DEBUG, /* each decision of a turn, with its id */
};

void log_level(enum log_level level);
bool log_level_named(const char *name); /* "error" ... "debug"; false: no such level */

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
