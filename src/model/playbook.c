#include "model/playbook_reading.h"

#include "base/nearest.h"
#include "base/text.h"
#include "model/builtin_words.h"

#include <string.h>

/* Reading a playbook: its shape is right (the schema has seen it), its meaning is checked here. */

const char *const playbook_text_keys[TEXTS] = { "again", "still_open", "which", "handover",
	"handover_failed", "with_person", "sign_in" };

/* Intents. */

static void read_after(struct reading *r, const char *path, const json_t *source, bool *after,
    const struct look_up *before, int n)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(source, "after"), i, v) {
		int k = 0;

		while (k < n && !text_is(before[k].name, json_string_value(v)))
			k++;
		if (k == n) {
			reading_wrong(r, path_item(r, path_below(r, path, "after"), i),
			    "there is no look-up \"%s\" above this one", json_string_value(v));
			continue;
		}
		after[k] = true;
		names_add(r, path, before[k].name);
	}
}

static void read_look_ups(
    struct reading *r, const char *path, const json_t *source, struct playbook_intent *intent)
{
	json_t *entries = json_object_get(source, "look_up"), *v;
	struct look_up *list = arena_array(r->mem, struct look_up, json_object_size(entries));
	int outside = r->nnames, n = 0;
	const char *name;

	json_object_foreach (entries, name, v) {
		const char *at = path_below(r, path_below(r, path, "look_up"), name);
		bool *after = arena_array(r->mem, bool, json_object_size(entries));

		read_after(r, at, v, after, list, n);
		list[n] = (struct look_up){ .name = reading_copy(r, name),
			.path = at,
			.use = read_use(r, at, v),
			.when = read_expression(r, path_below(r, at, "when"), json_str(v, "when")),
			.optional = json_flag(v, "optional"),
			.after = after };
		if (list[n].use.write)
			reading_wrong(r, path_below(r, at, "tool"),
			    "%s changes something; looking up must not (use \"call\" in a case)",
			    list[n].use.tool);
		names_back(r, outside);
		n++;
	}
	for (int i = 0; i < n; i++)
		names_add(r, list[i].path, list[i].name);
	intent->look_ups = list;
	intent->nlook_ups = n;
}

static void read_named(
    struct reading *r, const char *path, const json_t *source, struct playbook_intent *intent)
{
	json_t *entries = json_object_get(source, "named"), *v;
	struct named *list = arena_array(r->mem, struct named, json_object_size(entries));
	const char *name;

	json_object_foreach (entries, name, v) {
		const char *at = path_below(r, path_below(r, path, "named"), name);
		struct named *one = &list[intent->nnamed++];

		*one = (struct named){ .name = reading_copy(r, name),
			.path = at,
			.from = read_expression(r, path_below(r, at, "from"), json_str(v, "from")),
			.by = reading_copy(r, json_str(v, "by")) };
		names_add(r, at, one->name);
	}
	intent->named = list;
}

static void read_defines(
    struct reading *r, const char *path, const json_t *source, struct playbook_intent *intent)
{
	json_t *entries = json_object_get(source, "define"), *v;
	struct definition *list = arena_array(r->mem, struct definition, json_object_size(entries));
	const char *name;

	json_object_foreach (entries, name, v) {
		const char *at = path_below(r, path_below(r, path, "define"), name);

		list[intent->ndefines++] = (struct definition){ .name = reading_copy(r, name),
			.path = at,
			.value = read_expression(r, at, json_string_value(v)) };
		names_add(r, at, reading_copy(r, name));
	}
	intent->defines = list;
}

static struct playbook_intent read_intent(
    struct reading *r, const char *path, const char *name, const json_t *source)
{
	struct playbook_intent intent = { .name = reading_copy(r, name), .path = path };

	intent.alone = json_flag(source, "alone");
	intent.takes_over = json_flag(source, "takes_over");
	intent.needs_customer = json_flag(source, "needs_customer");
	intent.acknowledge = read_text(r, path, source, "acknowledge");
	names_add_failed(r);
	intent.failed =
	    read_choices(r, path_below(r, path, "failed"), json_object_get(source, "failed"));
	names_back(r, r->ncommon);
	read_look_ups(r, path, source, &intent);
	read_named(r, path, source, &intent);
	read_defines(r, path, source, &intent);
	intent.cases =
	    read_choices(r, path_below(r, path, "cases"), json_object_get(source, "cases"));
	intent.writes = choices_write(&intent.cases);
	names_back(r, r->ncommon);
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
	reading_wrong(
	    r, path, "there is no intent \"%s\"%s", name, nearest_hint(&n, hint, sizeof(hint)));
}

static void read_intents(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "intents"), *v;
	struct playbook_intent *list =
	    arena_array(r->mem, struct playbook_intent, json_object_size(entries));
	const char *name;

	r->pb->intents = list;
	json_object_foreach (entries, name, v) {
		const char *at = path_below(r, "intents", name);

		unknown_intent(r, at, name);
		list[r->pb->nintents++] = read_intent(r, at, name, v);
	}
	for (const char *const *i = r->ctx->intents; *i; i++)
		if (playbook_find(r->pb, *i) < 0)
			reading_wrong(r, "intents",
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
		reading_wrong(r, path, "there is no pattern \"%s\" (agent.yaml, patterns)", name);
		return NULL;
	}
	p = pattern_new(
	    arena_printf(r->mem, "(?i)(?<![[:alnum:]])(?:%s)(?![[:alnum:]])", source), &e);
	if (!p)
		reading_wrong(r, path, "%s", e.msg);
	else
		arena_defer(r->mem, (void (*)(void *))pattern_free, p);
	return p;
}

static void read_slots(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "slots"), *v;
	struct slot *list = arena_array(r->mem, struct slot, json_object_size(entries));
	const char *name;

	json_object_foreach (entries, name, v) {
		const char *at = path_below(r, "slots", name);

		if (!name_ok(name))
			reading_wrong(
			    r, at, "'%s' cannot be a name: letters, digits and _ only", name);
		list[r->pb->nslots++] = (struct slot){ .name = reading_copy(r, name),
			.pattern = read_pattern(
			    r, path_below(r, at, "pattern"), json_str_or(v, "pattern", name)),
			.upper = text_is(json_str(v, "case"), "upper") };
	}
	r->pb->slots = list;
}

/* As words_of() will see it in a message: "Don't!" is written dont. */
static const char *plain_phrase(struct reading *r, const char *phrase)
{
	struct words w = words_of(r->mem, phrase);
	const char *out = "";

	for (int i = 0; i < w.n; i++)
		out = arena_printf(r->mem, "%s%s%s", out, i ? " " : "", w.word[i]);
	return out;
}

static const char *const *read_words(struct reading *r, const json_t *list)
{
	const char **out = arena_array(r->mem, const char *, json_array_size(list) + 1);
	const json_t *w;
	size_t i;

	json_array_foreach (list, i, w)
		out[i] = plain_phrase(r, json_string_value(w));
	return out;
}

static void read_moods(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "moods"), *v;
	struct mention *list = arena_array(r->mem, struct mention, json_object_size(entries));
	const char *name;

	json_object_foreach (entries, name, v) {
		list[r->pb->nmoods++] = (struct mention){ .name = reading_copy(r, name),
			.words = read_words(r, json_object_get(v, "words")),
			.say = read_text(r, path_below(r, "moods", name), v, "say") };
	}
	r->pb->moods = list;
}

static void read_mentions(struct reading *r, const json_t *source)
{
	json_t *entries = json_object_get(source, "mentions"), *v;
	struct mention *list = arena_array(r->mem, struct mention, json_object_size(entries));
	const char *name;

	json_object_foreach (entries, name, v) {
		if (!name_ok(name))
			reading_wrong(r, path_below(r, "mentions", name),
			    "'%s' cannot be a name: letters, digits and _ only", name);
		list[r->pb->nmentions++] =
		    (struct mention){ .name = reading_copy(r, name), .words = read_words(r, v) };
	}
	r->pb->mentions = list;
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
			names_add(r, "texts", extra[i]);
		r->pb->texts[i] = read_text(r, "texts", texts, playbook_text_keys[i]);
		names_back(r, n);
	}
	r->pb->clarify[0] = read_text(r, "fallback", fallback, "first");
	r->pb->clarify[1] = read_text(r, "fallback", fallback, "second");
	r->pb->give_up = read_choices(r, "fallback/then", json_object_get(fallback, "then"));
	names_add_failed(r);
	r->pb->failed = read_choices(r, "failed", json_object_get(source, "failed"));
	names_back(r, n);
}

struct playbook *playbook_read(const json_t *source, const struct builtin_context *ctx)
{
	struct arena *mem = arena_new();
	struct playbook *pb = arena_new_of(mem, struct playbook);
	struct reading r = { .ctx = ctx, .pb = pb, .mem = mem };

	pb->mem = mem;
	names_open(&r);
	read_slots(&r, source);
	read_mentions(&r, source);
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
