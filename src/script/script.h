#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* The one expression language of a configuration: Lua 5.4 expressions in a closed sandbox.
 *
 * A playbook's conditions and arguments are expressions; a text may hold them between
 * {{ and }}.  They are compiled when the configuration is loaded, and every name they use
 * must be known then: a typing error is found before the first customer.  What they see is
 * data, an object of JSON: each of its members is a name.
 *
 * Data is strict: reading a key that is not there is an error, never nil, so that a rule
 * cannot hold because both sides were missing; has(t, "key") asks first.  JSON null is nil.  Lists
 * start at 1.  A result goes back as JSON; an empty table is a list.
 *
 * The sandbox hands out a list of names and nothing else: no loops without end (a budget of
 * instructions and of bytes), no metatables, no string methods, no pcall.  Functions: has, one_of,
 * any, all, filter, map, sum, count, lower, money, date, join, min, max, round
 * (script/functions.c).
 *
 * Evaluation runs on the calling fiber's stack and does not wait.  One struct script serves all
 * fibers of a thread. */

struct script;
struct expression;
struct template;

struct script *script_new(const char *currency); /* ISO 4217, for money(): "USD" */
void script_free(struct script *s);

/* Names an expression may use beside the functions; NULL ends the list.  Compiled things live as
 * long as the script. An error's message is "line:column: what", counted within the source. */
struct expression *script_expression(
    struct script *s, const char *source, const char *const *names, struct err *e);
struct template *script_template(
    struct script *s, const char *source, const char *const *names, struct err *e);

/* The value in mem; NULL with ERR_INVALID: what failed, in words of whoever wrote it.  A nil is
 * JSON null. `data` is an object; names that it lacks are nil. */
json_t *expression_value(
    const struct expression *x, const json_t *data, struct arena *mem, struct err *e);
/* 1: true, 0: false or nil, -1: failed. */
int expression_holds(const struct expression *x, const json_t *data, struct err *e);
/* The text with its values put in: strings as they are, numbers shortest, nil as nothing. */
char *template_text(const struct template *t, const json_t *data, struct arena *mem, struct err *e);

#endif
