#ifndef MODEL_PLAYBOOK_READING_H
#define MODEL_PLAYBOOK_READING_H

#include "model/playbook.h"

/* A playbook while it is read: what its three files share.
 *
 * playbook.c reads the file, playbook_case.c cases and tool calls, playbook_names.c knows which
 * names are in sight and compiles what uses them.  Each mistake is reported with its path and
 * reading goes on, so that one run shows all. */

#define NAMES_MAX 64

struct reading {
	const struct builtin_context *ctx;
	struct playbook *pb;
	struct arena *mem;
	const char *names[NAMES_MAX + 1]; /* NULL ends the list */
	int nnames;
	int ncommon; /* of them: what every expression sees */
	bool wrong;
};

void reading_wrong(struct reading *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Paths: "intents/refund/cases" and "0". */
const char *path_below(struct reading *r, const char *path, const char *key);
const char *path_item(struct reading *r, const char *path, size_t i);
char *reading_copy(struct reading *r, const char *s); /* NULL is NULL */

void names_open(struct reading *r);
bool name_ok(const char *s);
void names_add(struct reading *r, const char *path, const char *name); /* kept, not copied */
void names_add_failed(struct reading *r);
void names_back(struct reading *r, int n);

/* NULL: there is none, or it is wrong and that has been said. */
struct expression *read_expression(struct reading *r, const char *path, const char *source);
struct template *read_text(
    struct reading *r, const char *path, const json_t *holder, const char *key);

struct tool_use read_use(struct reading *r, const char *path, const json_t *source);
/* Does some case call a write? */
bool choices_write(const struct choices *c);
/* A list of cases; one alone may stand without the list.  NULL is none. */
struct choices read_choices(struct reading *r, const char *path, const json_t *source);

#endif
