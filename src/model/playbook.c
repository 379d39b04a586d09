#include "model/playbook.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* Reading a playbook: its shape is right (the schema has seen it), its meaning is checked here.
 *
 * Which names an expression may use depends on where it stands: the names grow on the way
 * into an intent (look-ups, defines, the result of a call) and shrink on the way out.  So a text
 * that could be reached without a look-up cannot name its result. */

#define NAMES_MAX 64

struct reading {
	const struct builtin_context *ctx;
	struct playbook *pb;
	struct arena *mem;
	const char *names[NAMES_MAX + 1];
	int nnames;
	bool wrong;
};

/* What every expression sees. */
static const char *const common[] = { "customer", "profile", "slots", "found", "message", "now",
	"owner", "escalation", "intents", "mood" };

const char *const playbook_text_keys[TEXTS] = { "again", "still_open", "which", "handover",
	"handover_failed", "with_person", "sign_in" };

static void wrong(struct reading *r, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void wrong(struct reading *r, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	r->ctx->mistake(r->ctx->self, path, arena_vprintf(r->mem, fmt, ap));
	va_end(ap);
	r->wrong = true;
}

static const char *below(struct reading *r, const char *path, const char *key)
{
	return arena_printf(r->mem, "%s%s%s", path, *path ? "/" : "", key);
}

static const char *item(struct reading *r, const char *path, size_t i)
{
	return arena_printf(r->mem, "%s/%zu", path, i);
}

static char *copy(struct reading *r, const char *s)
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

static bool is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

/* From here on expressions may use this name. */
static void name_add(struct reading *r, const char *path, const char *name)
{
	struct err e;
	const char *none[] = { name, NULL };

	if (!is_name(name))
		wrong(r, path, "'%s' cannot be a name: letters, digits and _ only", name);
	else if (!strcmp(name, "failed") || in_sight(r, name))
		wrong(r, path, "the name '%s' is taken", name);
	else if (r->nnames == NAMES_MAX)
		wrong(r, path, "more than %d names", NAMES_MAX);
	else if (!script_expression(r->ctx->script, name, none, &e))
		wrong(r, path, "'%s' cannot be a name: it means something to expressions", name);
	else
		r->names[r->nnames++] = name;
	r->names[r->nnames] = NULL;
}

/* `failed` comes and goes: it is no name that could be taken. */
static void name_failed(struct reading *r)
{
	if (r->nnames < NAMES_MAX && !in_sight(r, "failed"))
		r->names[r->nnames++] = "failed";
	r->names[r->nnames] = NULL;
}

static void names_back(struct reading *r, int n)
{
	r->nnames = n;
	r->names[n] = NULL;
}

/* Expressions and texts. */

static struct expression *read_expression(struct reading *r, const char *path, const char *source)
{
	struct err e;
	struct expression *x;

	if (!source)
		return NULL;
	x = script_expression(r->ctx->script, source, r->names, &e);
	if (!x)
		wrong(r, path, "%s", e.msg);
	return x;
}

static struct template *read_text(
    struct reading *r, const char *path, const json_t *holder, const char *key)
{
	const char *source = json_str(holder, key);
	struct err e;
	struct template *t;

	if (!source)
		return NULL;
	t = script_template(r->ctx->script, source, r->names, &e);
	if (!t)
		wrong(r, below(r, path, key), "%s", e.msg);
	return t;
}

/* Tools and their arguments. */

static const struct model_tool *find_tool(const struct reading *r, const char *name)
{
	for (int i = 0; i < r->ctx->ntools; i++)
		if (!strcmp(r->ctx->tools[i].name, name))
			return &r->ctx->tools[i];
	return NULL;
}

static void unknown_tool(struct reading *r, const char *path, const char *name)
{
	struct nearest n = nearest_to(name);
	char hint[120];

	for (int i = 0; i < r->ctx->ntools; i++)
		nearest_try(&n, r->ctx->tools[i].name);
	wrong(r, path, "there is no tool \"%s\"%s", name, nearest_hint(&n, hint, sizeof(hint)));
}

static bool tool_requires(const struct model_tool *tool, const char *argument)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(tool->parameters, "required"), i, v)
	{
		if (text_is(json_string_value(v), argument))
			return true;
	}
	return false;
}

static void check_argument(
    struct reading *r, const char *path, const struct model_tool *tool, const struct argument *a)
{
	json_t *properties = json_object_get(tool->parameters, "properties");
	struct nearest n = nearest_to(a->name);
	const char *key;
	json_t *v;
	char hint[120];

	if (!json_object_get(properties, a->name)) {
		json_object_foreach(properties, key, v) nearest_try(&n, key);
		wrong(r, path, "%s has no argument \"%s\"%s", tool->name, a->name,
		    nearest_hint(&n, hint, sizeof(hint)));
	} else if (a->optional && tool_requires(tool, a->name)) {
		wrong(r, path, "%s requires this argument: write \"%s\" without the question mark",
		    tool->name, a->name);
	}
}

static void check_required(
    struct reading *r, const char *path, const struct model_tool *tool, const struct tool_use *use)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(tool->parameters, "required"), i, v)
	{
		bool given = false;

		for (int k = 0; k < use->nargs; k++)
			given |= text_is(use->args[k].name, json_string_value(v));
		if (!given)
			wrong(r, path, "%s requires the argument \"%s\"", tool->name,
			    json_string_value(v));
	}
}

static struct argument read_argument(
    struct reading *r, const char *path, const char *key, json_t *value)
{
	size_t n = strlen(key);
	bool optional = n > 1 && key[n - 1] == '?';
	struct argument a = { .name = arena_strndup(r->mem, key, n - optional),
		.optional = optional };

	if (json_is_string(value))
		a.value = read_expression(r, path, json_string_value(value));
	else
		a.literal = json_in(r->mem, json_incref(value));
	return a;
}

/* {tool, args}, of a look-up or a call */
static struct tool_use read_use(struct reading *r, const char *path, const json_t *source)
{
	json_t *args = json_object_get(source, "args"), *v;
	const char *key, *name = json_str_or(source, "tool", "");
	const struct model_tool *tool = find_tool(r, name);
	struct argument *list = arena_array(r->mem, struct argument, json_object_size(args));
	struct tool_use use = { .tool = copy(r, name), .args = list };

	if (!tool)
		unknown_tool(r, below(r, path, "tool"), name);
	json_object_foreach(args, key, v)
	{
		const char *at = below(r, below(r, path, "args"), key);

		list[use.nargs] = read_argument(r, at, key, v);
		if (tool)
			check_argument(r, at, tool, &list[use.nargs]);
		use.nargs++;
	}
	if (tool)
		check_required(r, path, tool, &use);
	use.write = tool && tool->write;
	return use;
}

/* Cases. */

static struct choices read_choices(struct reading *r, const char *path, const json_t *source);

static void read_ask(struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *options = json_object_get(source, "options");
	bool known = false;

	c->ask = copy(r, json_str(source, "ask"));
	if (!c->ask)
		return;
	for (int i = 0; i < r->pb->nslots; i++)
		known |= !strcmp(r->pb->slots[i].name, c->ask);
	if (!known)
		wrong(r, below(r, path, "ask"), "there is no slot \"%s\" under slots", c->ask);
	if (!c->say)
		wrong(r, path, "a case that asks needs a \"say\" with the question");
	c->options = read_expression(
	    r, below(r, below(r, path, "options"), "from"), json_str(options, "from"));
	c->option_value = copy(r, json_str(options, "value"));
	c->option_label = copy(r, json_str(options, "label"));
}

/* `no` is answered without looking anything up, so it sees the common names alone. */
static void read_confirm(
    struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const char *all[NAMES_MAX + 1];
	int n = r->nnames;

	c->confirm = read_text(r, path, source, "confirm");
	if (!json_object_get(source, "confirm"))
		return;
	c->yes = read_choices(r, below(r, path, "yes"), json_object_get(source, "yes"));
	memcpy(all, r->names, sizeof(all));
	names_back(r, (int)array_len(common));
	c->no = read_choices(r, below(r, path, "no"), json_object_get(source, "no"));
	memcpy(r->names, all, sizeof(all));
	r->nnames = n;
}

static void read_call(struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *call = json_object_get(source, "call");
	const char *at = below(r, path, "call");
	int n = r->nnames;

	if (!call)
		return;
	c->calls = true;
	c->call = read_use(r, at, call);
	c->as = copy(r, json_str_or(call, "as", "result"));
	name_add(r, below(r, at, "as"), c->as);
	c->ok = read_choices(r, below(r, path, "ok"), json_object_get(source, "ok"));
	names_back(r, n);
	name_failed(r);
	c->failed = read_choices(r, below(r, path, "failed"), json_object_get(source, "failed"));
	names_back(r, n);
}

/* escalate: "reason", or {reason, summary, say} */
static void read_escalate(
    struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *v = json_object_get(source, "escalate");
	const char *at = below(r, path, "escalate");

	c->escalates = v != NULL;
	if (json_is_string(v)) {
		c->reason = read_text(r, path, source, "escalate");
	} else if (v) {
		c->reason = read_text(r, at, v, "reason");
		c->summary = read_text(r, at, v, "summary");
		c->handover = read_text(r, at, v, "say");
	}
	if (v && !find_tool(r, "escalate_to_human"))
		wrong(r, at, "there is no tool \"escalate_to_human\" to escalate with");
}

static struct choice read_choice(struct reading *r, const char *path, const json_t *source)
{
	struct choice c = { .path = path };
	int n = r->nnames;

	c.when = read_expression(r, below(r, path, "when"), json_str(source, "when"));
	c.say = read_text(r, path, source, "say");
	read_ask(r, path, source, &c);
	read_confirm(r, path, source, &c);
	read_call(r, path, source, &c);
	read_escalate(r, path, source, &c);
	if ((c.ask != NULL) + (json_object_get(source, "confirm") != NULL) + c.calls > 1)
		wrong(r, path, "a case does one of ask, confirm and call");
	if (!c.say && !c.confirm && !c.calls && !c.escalates && !json_object_get(source, "say"))
		wrong(r, path, "this case neither says nor does anything");
	names_back(r, n);
	return c;
}

/* A list of cases; one alone may stand without the list. */
static struct choices read_choices(struct reading *r, const char *path, const json_t *source)
{
	struct choices out = { 0 };
	struct choice *list;

	if (!source)
		return out;
	out.n = json_is_array(source) ? (int)json_array_size(source) : 1;
	list = arena_array(r->mem, struct choice, out.n);
	out.list = list;
	if (!json_is_array(source)) {
		list[0] = read_choice(r, path, source);
		if (json_object_get(source, "when"))
			wrong(r, path,
			    "a single case has no \"when\"; write a list whose last case "
			    "has none");
		return out;
	}
	for (int i = 0; i < out.n; i++)
		list[i] =
		    read_choice(r, item(r, path, (size_t)i), json_array_get(source, (size_t)i));
	for (int i = 0; i < out.n; i++)
		if (!json_object_get(json_array_get(source, (size_t)i), "when") != (i == out.n - 1))
			wrong(r, list[i].path,
			    i == out.n - 1
				? "the last case must have no \"when\", so that there is always an answer"
				: "a case without \"when\" must be the last: none behind it is "
				  "reached");
	return out;
}

static bool has_write(const struct choices *c)
{
	for (int i = 0; i < c->n; i++) {
		const struct choice *one = &c->list[i];

		if ((one->calls && one->call.write) || has_write(&one->ok) ||
		    has_write(&one->failed) || has_write(&one->yes))
			return true;
	}
	return false;
}

/* Intents. */

static void read_after(struct reading *r, const char *path, const json_t *source, bool *after,
    const struct look_up *before, int n)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(source, "after"), i, v)
	{
		int k = 0;

		while (k < n && !text_is(before[k].name, json_string_value(v)))
			k++;
		if (k == n) {
			wrong(r, item(r, below(r, path, "after"), i),
			    "there is no look-up \"%s\" above this one", json_string_value(v));
			continue;
		}
		after[k] = true;
		name_add(r, path, before[k].name);
	}
}

static void read_look_ups(
    struct reading *r, const char *path, const json_t *source, struct playbook_intent *intent)
{
	json_t *entries = json_object_get(source, "look_up"), *v;
	struct look_up *list = arena_array(r->mem, struct look_up, json_object_size(entries));
	int outside = r->nnames, n = 0;
	const char *name;

	json_object_foreach(entries, name, v)
	{
		const char *at = below(r, below(r, path, "look_up"), name);
		bool *after = arena_array(r->mem, bool, json_object_size(entries));

		read_after(r, at, v, after, list, n);
		list[n] = (struct look_up){ .name = copy(r, name),
			.path = at,
			.use = read_use(r, at, v),
			.when = read_expression(r, below(r, at, "when"), json_str(v, "when")),
			.optional = json_flag(v, "optional"),
			.after = after };
		if (list[n].use.write)
			wrong(r, below(r, at, "tool"),
			    "%s changes something; looking up must not (use \"call\" in a case)",
			    list[n].use.tool);
		names_back(r, outside);
		n++;
	}
	for (int i = 0; i < n; i++)
		name_add(r, list[i].path, list[i].name);
	intent->look_ups = list;
	intent->nlook_ups = n;
}

static void read_defines(
    struct reading *r, const char *path, const json_t *source, struct playbook_intent *intent)
{
	json_t *entries = json_object_get(source, "define"), *v;
	struct definition *list = arena_array(r->mem, struct definition, json_object_size(entries));
	const char *name;

	json_object_foreach(entries, name, v)
	{
		const char *at = below(r, below(r, path, "define"), name);

		list[intent->ndefines++] = (struct definition){ .name = copy(r, name),
			.path = at,
			.value = read_expression(r, at, json_string_value(v)) };
		name_add(r, at, copy(r, name));
	}
	intent->defines = list;
}

static struct playbook_intent read_intent(
    struct reading *r, const char *path, const char *name, const json_t *source)
{
	struct playbook_intent intent = { .name = copy(r, name), .path = path };

	intent.alone = json_flag(source, "alone");
	intent.takes_over = json_flag(source, "takes_over");
	intent.needs_customer = json_flag(source, "needs_customer");
	intent.acknowledge = read_text(r, path, source, "acknowledge");
	name_failed(r);
	intent.failed =
	    read_choices(r, below(r, path, "failed"), json_object_get(source, "failed"));
	names_back(r, (int)array_len(common));
	read_look_ups(r, path, source, &intent);
	read_defines(r, path, source, &intent);
	intent.cases = read_choices(r, below(r, path, "cases"), json_object_get(source, "cases"));
	intent.writes = has_write(&intent.cases);
	names_back(r, (int)array_len(common));
	return intent;
}

static void unknown_intent(struct reading *r, const char *path, const char *name)
{
	struct nearest n = nearest_to(name);
	char hint[120];

	for (const char *const *i = r->ctx->intents; *i; i++) {
		if (!strcmp(*i, name))
			return;
		nearest_try(&n, *i);
	}
	wrong(r, path, "there is no intent \"%s\"%s", name, nearest_hint(&n, hint, sizeof(hint)));
}

static void read_intents(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "intents"), *v;
	struct playbook_intent *list =
	    arena_array(r->mem, struct playbook_intent, json_object_size(entries));
	const char *name;

	r->pb->intents = list;
	json_object_foreach(entries, name, v)
	{
		const char *at = below(r, "intents", name);

		unknown_intent(r, at, name);
		list[r->pb->nintents++] = read_intent(r, at, name, v);
	}
	for (const char *const *i = r->ctx->intents; *i; i++)
		if (playbook_find(r->pb, *i) < 0)
			wrong(r, "intents",
			    "the intent \"%s\" has no entry: what is to be answered?", *i);
}

/* The rest of the file. */

/* The pattern as a whole word, in any case. */
static struct pattern *read_pattern(struct reading *r, const char *path, const char *name)
{
	const char *source = json_str(r->ctx->patterns, name);
	struct pattern *p;
	struct err e;

	if (!source) {
		wrong(r, path, "there is no pattern \"%s\" (agent.yaml, patterns)", name);
		return NULL;
	}
	p = pattern_new(
	    arena_printf(r->mem, "(?i)(?<![[:alnum:]])(?:%s)(?![[:alnum:]])", source), &e);
	if (!p)
		wrong(r, path, "%s", e.msg);
	else
		arena_defer(r->mem, (void (*)(void *))pattern_free, p);
	return p;
}

static void read_slots(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "slots"), *v;
	struct slot *list = arena_array(r->mem, struct slot, json_object_size(entries));
	const char *name;

	json_object_foreach(entries, name, v)
	{
		const char *at = below(r, "slots", name);

		if (!is_name(name))
			wrong(r, at, "'%s' cannot be a name: letters, digits and _ only", name);
		list[r->pb->nslots++] = (struct slot){ .name = copy(r, name),
			.pattern = read_pattern(
			    r, below(r, at, "pattern"), json_str_or(v, "pattern", name)),
			.upper = text_is(json_str(v, "case"), "upper") };
	}
	r->pb->slots = list;
}

static void read_moods(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "moods"), *v;
	struct mood *list = arena_array(r->mem, struct mood, json_object_size(entries));
	const char *name;

	json_object_foreach(entries, name, v)
	{
		const json_t *words = json_object_get(v, "words"), *w;
		const char **out = arena_array(r->mem, const char *, json_array_size(words) + 1);
		size_t i;

		json_array_foreach(words, i, w) out[i] = copy(r, json_string_value(w));
		list[r->pb->nmoods++] = (struct mood){ .name = copy(r, name),
			.words = out,
			.say = read_text(r, below(r, "moods", name), v, "say") };
	}
	r->pb->moods = list;
}

static void read_texts(struct reading *r, const json_t *source)
{
	static const char *const extra[TEXTS] = { [TEXT_AGAIN] = "question",
		[TEXT_STILL_OPEN] = "question",
		[TEXT_WHICH] = "questions" };
	const json_t *texts = json_object_get(source, "texts"),
		     *fallback = json_object_get(source, "fallback");
	int n = r->nnames;

	for (int i = 0; i < TEXTS; i++) {
		if (extra[i])
			name_add(r, "texts", extra[i]);
		r->pb->texts[i] = read_text(r, "texts", texts, playbook_text_keys[i]);
		names_back(r, n);
	}
	r->pb->clarify[0] = read_text(r, "fallback", fallback, "first");
	r->pb->clarify[1] = read_text(r, "fallback", fallback, "second");
	r->pb->give_up = read_choices(r, "fallback/then", json_object_get(fallback, "then"));
	name_failed(r);
	r->pb->failed = read_choices(r, "failed", json_object_get(source, "failed"));
	names_back(r, n);
}

struct playbook *playbook_read(const json_t *source, const struct builtin_context *ctx)
{
	struct arena *mem = arena_new();
	struct playbook *pb = arena_new_of(mem, struct playbook);
	struct reading r = { .ctx = ctx, .pb = pb, .mem = mem };

	pb->mem = mem;
	for (size_t i = 0; i < array_len(common); i++)
		r.names[r.nnames++] = common[i];
	read_slots(&r, source);
	read_moods(&r, source);
	read_texts(&r, source);
	read_intents(&r, source);
	if (!r.wrong)
		return pb;
	arena_free(mem);
	return NULL;
}

void playbook_free(struct playbook *pb)
{
	if (pb)
		arena_free(pb->mem);
}

int playbook_find(const struct playbook *pb, const char *name)
{
	for (int i = 0; i < pb->nintents; i++)
		if (text_is(pb->intents[i].name, name))
			return i;
	return -1;
}
