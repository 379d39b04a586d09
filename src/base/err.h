#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

/* How failures travel.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL) and takes a
 * `struct err *` as its last argument.  On success it leaves the err alone; on
 * failure it fills it once, at the place that knows most, and callers above may
 * prefix what they were doing with err_wrap().  Whoever stops an error from
 * travelling logs it or answers it to somebody; nobody logs *and* returns.
 *
 * Three kinds, three ways: the world failed -> err; we are wrong -> bug(); no
 * memory -> the process stops (base/mem.h), and turns that were running are
 * resumed from the log at the next start. */

enum err_code {
	ERR_NONE,
	ERR_TIMEOUT,   /* a deadline passed */
	ERR_CANCELED,  /* the scope we ran in was cancelled */
	ERR_IO,        /* disk, network or the other side failed; trying again may help */
	ERR_INVALID,   /* the input was refused; the message may be shown to whoever sent it */
	ERR_DENIED,    /* not allowed for this caller */
	ERR_NOT_FOUND, /* there is no such thing, or it belongs to somebody else */
	ERR_CONFLICT,  /* somebody else was first: a precondition did not hold */
	ERR_LIMIT,     /* more than a configured limit allows */
};

struct err {
	enum err_code code;
	char msg[480];
};

/* Fill e and return -1, so that `return err_set(...)` reads as one act. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prefix what we were doing: "loading conversation c_42: database is locked". */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "timeout", "canceled", ...: the code as a word, for logs and events. */
const char *err_name(enum err_code code);

/* Our own mistake: say it and abort with a core.  Never handled. */
_Noreturn void bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
