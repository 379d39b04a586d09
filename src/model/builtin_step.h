#ifndef MODEL_BUILTIN_STEP_H
#define MODEL_BUILTIN_STEP_H

#include "base/buf.h"
#include "model/builtin_words.h"
#include "model/playbook.h"

/* One step of the embedded model, while it is computed.
 *
 * hear (builtin_hear.c) turns the message and what was left open into works; each work is run
 * (builtin_work.c) against the calls done so far and leaves calls to make, words, questions
 * and wishes for a person here; builtin.c makes the answer of it.  All of it lives in mem. */

#define WORKS_MAX 8
#define CALLS_MAX 32

/* An intent that is being answered, or a list of cases alone. */
struct work {
	const struct playbook_intent *intent; /* NULL: `only` is all there is */
	const struct choices *only;
	const json_t *found;  /* {"order_id": ["FW-1001"]} */
	const json_t *agreed; /* the open question that was answered with yes; NULL */
	bool resumed;         /* it goes on with a question of ours; no new wish */
	const char *message;  /* the one that began it: what named and mentions go by */

	const char *words; /* what it says; "" when that is nothing */
};

/* What is said of a person at the end. */
enum note {
	NOTE_NONE,
	NOTE_WITH_PERSON, /* somebody who was asked for before does it */
};

/* What to do with a message that no work came of. */
enum lost {
	NOT_LOST,
	LOST_AGAIN,   /* ask the open questions again */
	LOST_WHICH,   /* ask which of them the yes was for */
	LOST_CLARIFY, /* ask what it is about */
	LOST_WAITING, /* a person is asked for already: no questions */
};

struct wish {
	const char *reasons; /* joined; NULL: nobody is needed */
	const char *summary, *handover;
};

struct step {
	const struct playbook *pb;
	const struct model_request *r;
	struct arena *mem;

	json_t *common;     /* what every expression sees */
	bool waiting;       /* a person was asked for before this turn's own asking */
	bool told;          /* and the customer knows */
	bool handing_over;  /* this turn asks for one: no question that ends in a write */
	struct words words; /* of the message */
	const struct mention *mood;

	struct work works[WORKS_MAX];
	int nworks;
	enum lost lost;
	int lost_before;    /* messages in a row */
	const json_t *kept; /* open questions that stay open */
	bool remind;

	bool *used; /* of the calls done so far, those that the playbook came by */
	struct model_call reads[CALLS_MAX], writes[CALLS_MAX];
	int nreads, nwrites;
	struct wish wish;
	enum note note;
	json_t *asked;       /* questions of this step */
	const char *trouble; /* an expression that could not be evaluated, with its path */
};

void hear(struct step *s);
void work_run(struct step *s, struct work *w);

/* Was it another model that asked for this call, earlier in the turn? */
bool step_foreign(const struct model_done *d);
/* The result of this call, NULL: it has not been made. */
const struct model_done *step_done(const struct step *s, const char *tool, const json_t *args);
void step_wish(struct step *s, const char *reason, const char *summary, const char *handover);
/* The common names as this work sees them: new, and free to be added to. */
json_t *step_data(const struct step *s, const json_t *found, const char *message);

#endif
