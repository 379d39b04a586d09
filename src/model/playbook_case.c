#include "model/playbook_reading.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"

#include <string.h>

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
	reading_wrong(
	    r, path, "there is no tool \"%s\"%s", name, nearest_hint(&n, hint, sizeof(hint)));
}

static bool tool_requires(const struct model_tool *tool, const char *argument)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(tool->parameters, "required"), i, v) {
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
		json_object_foreach (properties, key, v)
			nearest_try(&n, key);
		reading_wrong(r, path, "%s has no argument \"%s\"%s", tool->name, a->name,
		    nearest_hint(&n, hint, sizeof(hint)));
	} else if (a->optional && tool_requires(tool, a->name)) {
		reading_wrong(r, path,
		    "%s requires this argument: write \"%s\" without the question mark", tool->name,
		    a->name);
	}
}

static void check_required(
    struct reading *r, const char *path, const struct model_tool *tool, const struct tool_use *use)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(tool->parameters, "required"), i, v) {
		bool given = false;

		for (int k = 0; k < use->nargs; k++)
			given |= text_is(use->args[k].name, json_string_value(v));
		if (!given)
			reading_wrong(r, path, "%s requires the argument \"%s\"", tool->name,
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
struct tool_use read_use(struct reading *r, const char *path, const json_t *source)
{
	json_t *args = json_object_get(source, "args"), *v;
	const char *key, *name = json_str_or(source, "tool", "");
	const struct model_tool *tool = find_tool(r, name);
	struct argument *list = arena_array(r->mem, struct argument, json_object_size(args));
	struct tool_use use = { .tool = reading_copy(r, name), .args = list };

	if (!tool)
		unknown_tool(r, path_below(r, path, "tool"), name);
	json_object_foreach (args, key, v) {
		const char *at = path_below(r, path_below(r, path, "args"), key);

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

static void read_ask(struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *options = json_object_get(source, "options");
	bool known = false;

	c->ask = reading_copy(r, json_str(source, "ask"));
	if (!c->ask)
		return;
	for (int i = 0; i < r->pb->nslots; i++)
		known |= !strcmp(r->pb->slots[i].name, c->ask);
	if (!known)
		reading_wrong(
		    r, path_below(r, path, "ask"), "there is no slot \"%s\" under slots", c->ask);
	if (!c->say)
		reading_wrong(r, path, "a case that asks needs a \"say\" with the question");
	c->options = read_expression(
	    r, path_below(r, path_below(r, path, "options"), "from"), json_str(options, "from"));
	c->option_value = reading_copy(r, json_str(options, "value"));
	c->option_label = reading_copy(r, json_str(options, "label"));
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
	c->agreed = read_expression(r, path_below(r, path, "agreed"), json_str(source, "agreed"));
	c->yes = read_choices(r, path_below(r, path, "yes"), json_object_get(source, "yes"));
	memcpy(all, r->names, sizeof(all));
	names_back(r, r->ncommon);
	c->no = read_choices(r, path_below(r, path, "no"), json_object_get(source, "no"));
	memcpy(r->names, all, sizeof(all));
	r->nnames = n;
}

static void read_call(struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *call = json_object_get(source, "call");
	const char *at = path_below(r, path, "call");
	int n = r->nnames;

	if (!call)
		return;
	c->calls = true;
	c->call = read_use(r, at, call);
	c->as = reading_copy(r, json_str_or(call, "as", "result"));
	names_add(r, path_below(r, at, "as"), c->as);
	c->ok = read_choices(r, path_below(r, path, "ok"), json_object_get(source, "ok"));
	names_back(r, n);
	names_add_failed(r);
	c->failed =
	    read_choices(r, path_below(r, path, "failed"), json_object_get(source, "failed"));
	names_back(r, n);
}

/* escalate: "reason", or {reason, summary, say} */
static void read_escalate(
    struct reading *r, const char *path, const json_t *source, struct choice *c)
{
	const json_t *v = json_object_get(source, "escalate");
	const char *at = path_below(r, path, "escalate");

	c->escalates = v != NULL;
	if (json_is_string(v)) {
		c->reason = read_text(r, path, source, "escalate");
	} else if (v) {
		c->reason = read_text(r, at, v, "reason");
		c->summary = read_text(r, at, v, "summary");
		c->handover = read_text(r, at, v, "say");
	}
	if (v && !find_tool(r, "escalate_to_human"))
		reading_wrong(r, at, "there is no tool \"escalate_to_human\" to escalate with");
}

/* Keys that only mean something beside another one, and that this one cannot do without. */
static void check_together(struct reading *r, const char *path, const json_t *source)
{
	static const struct {
		const char *key, *beside;
		bool required;
	} pairs[] = { { "yes", "confirm", true }, { "no", "confirm", true }, { "ok", "call", true },
		{ "failed", "call", true }, { "options", "ask", false },
		{ "agreed", "confirm", false } };
	static const char *const acting[] = { "ask", "confirm", "call" };
	int acts = 0;

	for (size_t i = 0; i < array_len(pairs); i++) {
		bool has = json_object_get(source, pairs[i].key),
		     beside = json_object_get(source, pairs[i].beside);

		if (has && !beside)
			reading_wrong(r, path_below(r, path, pairs[i].key),
			    "\"%s\" goes with \"%s\", and there is none", pairs[i].key,
			    pairs[i].beside);
		if (!has && beside && pairs[i].required)
			reading_wrong(r, path, "\"%s\" needs \"%s\" beside it", pairs[i].beside,
			    pairs[i].key);
	}
	for (size_t i = 0; i < array_len(acting); i++)
		acts += json_object_get(source, acting[i]) != NULL;
	if (acts > 1)
		reading_wrong(r, path, "a case does one of ask, confirm and call");
	if (!acts && !json_object_get(source, "say") && !json_object_get(source, "escalate"))
		reading_wrong(r, path, "this case neither says nor does anything");
}

static struct choice read_choice(struct reading *r, const char *path, const json_t *source)
{
	struct choice c = { .path = path };
	int n = r->nnames;

	c.when = read_expression(r, path_below(r, path, "when"), json_str(source, "when"));
	c.say = read_text(r, path, source, "say");
	read_ask(r, path, source, &c);
	read_confirm(r, path, source, &c);
	read_call(r, path, source, &c);
	read_escalate(r, path, source, &c);
	check_together(r, path, source);
	names_back(r, n);
	return c;
}

/* A list of cases; one alone may stand without the list. */
struct choices read_choices(struct reading *r, const char *path, const json_t *source)
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
			reading_wrong(r, path,
			    "a single case has no \"when\"; write a list whose last case "
			    "has none");
		return out;
	}
	for (int i = 0; i < out.n; i++)
		list[i] = read_choice(
		    r, path_item(r, path, (size_t)i), json_array_get(source, (size_t)i));
	for (int i = 0; i < out.n; i++)
		if (!json_object_get(json_array_get(source, (size_t)i), "when") != (i == out.n - 1))
			reading_wrong(r, list[i].path,
			    i == out.n - 1
				? "the last case must have no \"when\", so that there is always an "
				  "answer"
				: "a case without \"when\" must be the last: none behind it is "
				  "reached");
	return out;
}

bool choices_write(const struct choices *c)
{
	for (int i = 0; i < c->n; i++) {
		const struct choice *one = &c->list[i];

		if ((one->calls && one->call.write) || choices_write(&one->ok) ||
		    choices_write(&one->failed) || choices_write(&one->yes))
			return true;
	}
	return false;
}
