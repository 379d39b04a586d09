#ifndef MODEL_BUILTIN_WORDS_H
#define MODEL_BUILTIN_WORDS_H

#include "base/arena.h"
#include "base/json.h"

#include <stdbool.h>

/* What a customer's few words mean as the answer to a question of ours.
 *
 * Only for answers: what a message is about is the classifier's business.  The rule is that of a
 * careful person on the phone: a yes must be one beyond doubt, and whatever is not is asked
 * again. English and German words of assent are known; the playbook's own questions lend the rest
 * ("yes, cancel the Plus plan" is the question's own words). */

#define WORDS_MAX 80

struct words {
	const char *word[WORDS_MAX]; /* lower case, without apostrophes */
	bool ends[WORDS_MAX];        /* a sentence or clause ends behind it: . ; ! and the like */
	bool pauses[WORDS_MAX];      /* a comma follows, or a dash that joins no word */
	int n;
	bool question; /* there is a question mark */
	bool too_many;
};

struct words words_of(struct arena *mem, const char *text);
/* Do these words (one or several, "third time") occur in a row? */
bool words_hold(const struct words *w, const char *phrase);
bool words_hold_any(const struct words *w, const char *const *phrases); /* NULL ends the list */
/* The words from..to-1; all but these, without the "and" that joined them. */
struct words words_part(const struct words *w, int from, int to);
struct words words_without(const struct words *w, int from, int to);
/* Where the clause that begins at `from` ends: at a stop, a comma, or before "and". */
int words_clause(const struct words *w, int from);
/* "both", "all of them" */
bool words_mean_all(const struct words *w);
/* It asks something, or makes conditions. */
bool words_ask(const struct words *w);

enum yes_no {
	UNCLEAR,
	YES,
	NO
};

struct yes_no_hints {
	const struct words *question; /* what was asked */
	bool says_yes, says_no;       /* the classifier hears it */
	bool same;                    /* the classifier hears the wish the question was about */
	bool others;  /* ... and another wish, which may explain what is not an answer */
	bool several; /* more than this one was asked: "both, please" is a yes */
};

/* *whole: the message is nothing but the answer. */
enum yes_no words_yes_no(const struct words *w, const struct yes_no_hints *hints, bool *whole);

/* How many different words of the label were said; a plural s is no difference. */
int words_likeness(struct arena *mem, const struct words *said, const char *label);

/* Which of [{"value","label"}] is meant: "the second one", "the tent"; -1: none beyond doubt. */
int words_option(struct arena *mem, const struct words *w, const json_t *options);

#endif
