#ifndef JUDGE_INTENTS_H
#define JUDGE_INTENTS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* What a customer wants, from the words of one message.
 *
 * A linear classifier over words, stems and characters (LIBLINEAR, L2-regularised SVM, one
 * against the rest), trained from the examples in intents.yaml, with a background class for what is
 * none of them.  A message is split into clauses and each is judged by itself, so "refund my
 * purchase and cancel my account" is two intents.  Source: facts and figures in docs/decisions.
 *
 * Training blocks for tenths of a second to seconds: call it on a lane.  A trained classifier is
 * read only: predicting takes microseconds and may happen on any thread, the loop's too. */

struct intents; /* a trained classifier */

struct intent_example {
	const char *intent; /* NULL: background, none of the intents */
	const char *text;
};

struct intent {
	const char *name; /* borrowed from the classifier */
	double p;         /* 0..1, not yet calibrated on outcomes */
};

#define INTENTS_MAX       4   /* of one message */
#define INTENTS_THRESHOLD 0.4 /* where the demo shop's messages are judged best: a default */

struct intents *intents_train(const struct intent_example *examples, size_t n, struct err *e);
void intents_free(struct intents *m);

/* The trained state as a file, so that a start need not train.  `key` names what it was trained
 * from (a hash of the examples and of this code's version): load fails with ERR_NOT_FOUND when the
 * file is absent or has another key, ERR_INVALID when it is damaged. save writes beside and
 * renames. */
struct intents *intents_load(const char *path, const char *key, struct err *e);
int intents_save(const struct intents *m, const char *path, const char *key, struct err *e);

/* The key for a set of examples: 64 hex digits and a NUL. */
void intents_key(const struct intent_example *examples, size_t n, char out[65]);

/* The intents of a message, likeliest first, no name twice; 0: none above `threshold`. */
int intents_of(
    const struct intents *m, const char *text, double threshold, struct intent out[INTENTS_MAX]);

#endif
