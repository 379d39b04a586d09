/* intents.yaml, and what escalation says about intents. */
#include "setup/config_inside.h"

#include "base/map.h"
#include "base/nearest.h"
#include "base/text.h"

#include <string.h>

#define TURNS_DEFAULT 10

struct reading {
	struct mistakes *m;
	struct config *c;
	struct intent_example *examples;
	struct map seen; /* text to the intent that has it first */
};

static void add_example(
    struct reading *r, const char *intent, const char *text, const char *pointer)
{
	const char *whose = intent ? intent : "none", *first = map_get(&r->seen, text);

	if (first && !text_is(first, whose))
		yaml_mistake(r->c->intents, r->m, pointer,
		    "the same example is in \"%s\": it can teach only one of the two", first);
	else if (first)
		yaml_mistake(r->c->intents, r->m, pointer, "the same example is here twice");
	if (first)
		return;
	map_put(&r->seen, text, (void *)whose);
	r->examples[r->c->nexamples++] = (struct intent_example){ intent, text };
}

static void add_examples(
    struct reading *r, const char *intent, const json_t *list, const char *pointer)
{
	json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (json_is_string(v))
			add_example(r, intent, json_string_value(v),
			    json_below_index(r->m->mem, pointer, i));
	}
}

static size_t count_examples(const json_t *root)
{
	size_t n = json_array_size(json_object_get(root, "none"));
	const char *name;
	json_t *v;

	json_object_foreach (json_object_get(root, "intents"), name, v) {
		n += json_array_size(json_object_get(v, "examples"));
	}
	return n;
}

static void read_intents(struct mistakes *m, struct config *c)
{
	const json_t *root = yaml_root(c->intents), *all = json_object_get(root, "intents");
	struct reading r = { .m = m, .c = c };
	const char **names = arena_array(m->mem, const char *, json_object_size(all) + 1);
	const char *name, *pointer;
	size_t n = 0;
	json_t *v;

	r.examples = arena_array(m->mem, struct intent_example, count_examples(root));
	json_object_foreach (json_unconst(all), name, v) {
		names[n] = arena_strdup(m->mem, name);
		pointer = json_below(m->mem, json_below(m->mem, "/intents", name), "examples");
		add_examples(&r, names[n++], json_object_get(v, "examples"), pointer);
	}
	add_examples(&r, NULL, json_object_get(root, "none"), "/none");
	map_done(&r.seen);
	c->intent_names = names;
	c->examples = r.examples;
}

static bool is_intent(const struct config *c, const char *name, struct nearest *near)
{
	for (const char *const *s = c->intent_names; *s; s++) {
		if (text_is(*s, name))
			return true;
		nearest_try(near, *s);
	}
	return false;
}

static void add_rule(struct mistakes *m, struct config *c, struct intent_rule *rules,
    const char *name, const char *kind)
{
	const char *pointer = json_below(m->mem, "/escalation/intents", name);
	struct nearest near = nearest_to(name);
	char hint[100];

	if (c->intents && !is_intent(c, name, &near))
		yaml_mistake(c->agent, m, pointer, "there is no intent \"%s\" in intents.yaml%s",
		    name, nearest_hint(&near, hint, sizeof(hint)));
	else if (kind)
		rules[c->nintent_rules++] =
		    (struct intent_rule){ arena_strdup(m->mem, name), kind };
}

/* What needs a person wherever nothing else is said, if there is such an intent. */
static void add_usual_rules(struct config *c, struct intent_rule *rules)
{
	static const struct intent_rule usual[] = {
		{ "security_report", "handoff" },
		{ "billing_problem", "handoff" },
		{ "cancellation", "review" },
	};
	struct nearest ignored = nearest_to("");

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (is_intent(c, usual[i].intent, &ignored))
			rules[c->nintent_rules++] = usual[i];
}

static void read_escalation(struct mistakes *m, struct config *c)
{
	const json_t *escalation = json_object_get(yaml_root(c->agent), "escalation");
	const json_t *intents = json_object_get(escalation, "intents");
	struct intent_rule *rules =
	    arena_array(m->mem, struct intent_rule, json_object_size(intents) + 3);
	const char *name;
	json_t *kind;

	c->turns_max = (int)json_int(escalation, "turns", TURNS_DEFAULT);
	c->intent_rules = rules;
	if (!intents)
		add_usual_rules(c, rules);
	json_object_foreach (json_unconst(intents), name, kind) {
		add_rule(m, c, rules, name, json_string_value(kind));
	}
}

void config_intents(struct mistakes *m, struct config *c)
{
	static const char *const nothing[] = { NULL };

	c->intent_names = nothing;
	if (c->intents)
		read_intents(m, c);
	read_escalation(m, c);
}
