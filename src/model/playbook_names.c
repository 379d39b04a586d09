#include "model/playbook_reading.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/* Which names an expression may use depends on where it stands: they grow on the way into an
 * intent (look-ups, defines, the result of a call) and shrink on the way out.  So a text that
 * could be reached without a look-up cannot name its result. */

/* What every expression sees. */
static const char *const common[] = { "customer", "profile", "slots", "found", "message", "now",
	"owner", "escalation", "intents", "mood", "mentions" };

void names_open(struct reading *r)
{
	for (size_t i = 0; i < array_len(common); i++)
		r->names[r->nnames++] = common[i];
	r->ncommon = r->nnames;
}

void reading_wrong(struct reading *r, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	r->ctx->mistake(r->ctx->self, path, arena_vprintf(r->mem, fmt, ap));
	va_end(ap);
	r->wrong = true;
}

const char *path_below(struct reading *r, const char *path, const char *key)
{
	return arena_printf(r->mem, "%s%s%s", path, *path ? "/" : "", key);
}

const char *path_item(struct reading *r, const char *path, size_t i)
{
	return arena_printf(r->mem, "%s/%zu", path, i);
}

char *reading_copy(struct reading *r, const char *s)
{
	return s ? arena_strdup(r->mem, s) : NULL;
}

/* Names in sight. */

static bool in_sight(const struct reading *r, const char *name)
{
	for (int i = 0; i < r->nnames; i++)
		if (!strcmp(r->names[i], name))
			return true;
	return false;
}

bool name_ok(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

/* From here on expressions may use this name. */
void names_add(struct reading *r, const char *path, const char *name)
{
	struct err e;
	const char *none[] = { name, NULL };

	if (!name_ok(name))
		reading_wrong(r, path, "'%s' cannot be a name: letters, digits and _ only", name);
	else if (!strcmp(name, "failed") || in_sight(r, name))
		reading_wrong(r, path, "the name '%s' is taken", name);
	else if (r->nnames == NAMES_MAX)
		reading_wrong(r, path, "more than %d names", NAMES_MAX);
	else if (!script_expression(r->ctx->script, name, none, &e))
		reading_wrong(
		    r, path, "'%s' cannot be a name: it means something to expressions", name);
	else
		r->names[r->nnames++] = name;
	r->names[r->nnames] = NULL;
}

/* `failed` comes and goes: it is no name that could be taken. */
void names_add_failed(struct reading *r)
{
	if (r->nnames < NAMES_MAX && !in_sight(r, "failed"))
		r->names[r->nnames++] = "failed";
	r->names[r->nnames] = NULL;
}

void names_back(struct reading *r, int n)
{
	r->nnames = n;
	r->names[n] = NULL;
}

/* Expressions and texts. */

struct expression *read_expression(struct reading *r, const char *path, const char *source)
{
	struct err e;
	struct expression *x;

	if (!source)
		return NULL;
	x = script_expression(r->ctx->script, source, r->names, &e);
	if (!x)
		reading_wrong(r, path, "%s", e.msg);
	return x;
}

struct template *read_text(
    struct reading *r, const char *path, const json_t *holder, const char *key)
{
	const char *source = json_str(holder, key);
	struct err e;
	struct template *t;

	if (!source)
		return NULL;
	t = script_template(r->ctx->script, source, r->names, &e);
	if (!t)
		reading_wrong(r, path_below(r, path, key), "%s", e.msg);
	return t;
}
