#ifndef MODEL_HEALTH_H
#define MODEL_HEALTH_H

#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* How a model is doing, so that one that is down is left alone and not waited for.
 *
 * There is one for each model, shared by every chain that names it.  It knows nothing of
 * requests: route.c asks it before an attempt and tells it how that ended.
 *
 * - Well: everybody may ask.  Five failures in a row, or half of at least ten within thirty
 *   seconds, and it is left out.
 * - Left out: one attempt may go every five seconds, whatever has become of the one before, so
 *   a provider that comes back is found within five seconds, and one that hangs is not asked by
 *   more than one at a time for long.  Any answer ends it.
 * - With a key, a bill or a permission that is wrong it is left out for five minutes, then ten,
 *   up to an hour: nothing but a person mends that.
 *
 * An attempt that was cut short from our own side says nothing about the model, and is not ended.
 *
 * Asking again the same model is paid for from a small credit, to which each first attempt adds a
 * fifth: in an outage the provider gets at most a fifth more than the turns ask for.
 *
 * A change of state is one line in the operator's log, however many turns notice it.  Failures
 * that change nothing are a line a minute, the rest is for the debug level. */

#define HEALTH_WINDOW 30 /* seconds */

struct health {
	const struct model *model;
	int in_row; /* failures since the last answer */
	struct {
		int64_t second;
		int answers, failures;
	} window[HEALTH_WINDOW];
	bool out;           /* left out */
	int64_t due;        /* out: when somebody may try */
	int64_t locked_ms;  /* how long its account kept it out last; 0: it is not the account */
	int credit;         /* for second attempts, in tenths of one */
	int64_t complained; /* when a failure was last said at level warn; -1: never */
};

/* What an attempt is to its health: made by health_begin(), ended by health_end(). */
struct attempt {
	struct health *health;
	bool probe;
};

void health_init(struct health *h, const struct model *m);
/* May this model be asked now?  false: it is left out. */
bool health_may(const struct health *h, int64_t now);
/* It is: `first`, or once more. */
void health_begin(struct health *h, struct attempt *a, bool first, int64_t now);
/* May it be asked again, the attempt before having failed so?  Takes the credit. */
bool health_again(struct health *h, enum model_fault fault);
/* How it ended: with an answer where `why` is NULL; else that is what is said of the failure, and
 * MODEL_FAULT_NONE means that it is this request's own. */
void health_end(struct attempt *a, enum model_fault fault, const char *why, int64_t now);

#endif
