#ifndef MODEL_PLAYBOOK_H
#define MODEL_PLAYBOOK_H

#include "base/pattern.h"
#include "model/builtin.h"

#include <stdbool.h>

/* playbook.yaml, read: names found, expressions compiled, tools and arguments checked.
 *
 * Everything lives in the playbook's arena (expressions and texts in the script) and is read only.
 * docs/playbook.md says what each thing means to whoever writes it; builtin.c does it. */

struct argument {
	const char *name;
	bool optional;            /* `name?`: left out when it is nil */
	struct expression *value; /* or */
	json_t *literal;
};

struct tool_use {
	const char *tool;
	bool write;
	const struct argument *args;
	int nargs;
};

struct look_up {
	const char *name, *path;
	struct tool_use use;
	struct expression *when;
	bool optional;
	const bool *after; /* by index of the intent's look-ups; NULL: none */
};

struct choices {
	const struct choice *list;
	int n;
};

/* One case: what to say and do when its condition holds. */
struct choice {
	const char *path;
	struct expression *when; /* NULL: always */
	struct template *say;

	const char *ask; /* a slot */
	struct expression *options;
	const char *option_value, *option_label;

	struct template *confirm;
	struct expression *agreed; /* the wish itself is the yes */
	struct choices yes, no;

	bool calls;
	struct tool_use call;
	const char *as;
	struct choices ok, failed;

	bool escalates;
	struct template *reason, *summary, *handover;
};

struct definition {
	const char *name, *path;
	struct expression *value;
};

/* The rows of a list whose label has words of the customer's message. */
struct named {
	const char *name, *path;
	struct expression *from;
	const char *by;
};

struct playbook_intent {
	const char *name, *path;
	struct template *acknowledge;
	bool alone, takes_over, needs_customer;
	bool writes; /* some case of it calls a write */
	const struct look_up *look_ups;
	int nlook_ups;
	const struct named *named;
	int nnamed;
	const struct definition *defines;
	int ndefines;
	struct choices failed; /* n 0: the playbook's */
	struct choices cases;
};

struct slot {
	const char *name;
	struct pattern *pattern;
	bool upper;
};

/* Words to listen for; lower case, NULL ends the list. */
struct mention {
	const char *name;
	const char *const *words;
	struct template *say; /* a mood's */
};

enum playbook_text {
	TEXT_AGAIN,           /* an answer was not understood: asks `question` again */
	TEXT_STILL_OPEN,      /* something else was answered: reminds of `question` */
	TEXT_WHICH,           /* a yes to one of several `questions` */
	TEXT_HANDOVER,        /* a person has been asked for */
	TEXT_HANDOVER_FAILED, /* ... and could not be */
	TEXT_WITH_PERSON,     /* a person has been asked for before; they do it */
	TEXT_SIGN_IN,         /* needs a customer, and there is none */
	TEXTS
};

struct playbook {
	struct arena *mem;
	const struct slot *slots;
	int nslots;
	const struct mention *moods, *mentions;
	int nmoods, nmentions;
	struct template *texts[TEXTS];
	struct template *clarify[2]; /* nothing was understood: the first time, the second */
	struct choices give_up;      /* the third */
	struct choices failed;
	const struct playbook_intent *intents; /* in the order in which they are answered */
	int nintents;
};

/* NULL when there was a mistake; each has been reported. */
struct playbook *playbook_read(const json_t *source, const struct builtin_context *ctx);
void playbook_free(struct playbook *pb);

/* The intent's index; -1: the playbook has none of that name. */
int playbook_find(const struct playbook *pb, const char *name);

extern const char *const playbook_text_keys[TEXTS];

#endif
