#include "model/builtin_step.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Running one intent against the calls done so far.
 *
 * Everything is computed from the beginning each time: look-ups that have no result yet
 * are asked for, and nothing else happens before they are there; then the first case that holds
 * says and does.  What a case calls is either done already, and its `ok` or `failed` goes on, or
 * is asked for.
 *
 * An expression that cannot be evaluated ends like a look-up that failed: honest words, and a
 * person, who reads which expression it was. */

enum outcome {
	GOES_ON,
	NEEDS_CALLS, /* what it has said so far does not count yet */
	BROKEN,      /* s->trouble says where */
};

struct running {
	struct step *s;
	struct work *w;
	json_t *data;
	struct buf words;
};

static enum outcome run_choices(struct running *r, const struct choices *list);

static enum outcome broken(struct running *r, const char *path, const char *key, const char *why)
{
	r->s->trouble = arena_printf(r->s->mem, "%s%s%s: %s", path, *key ? "/" : "", key, why);
	return BROKEN;
}

/* Texts. */

/* A placeholder that gave nothing leaves no gap. */
static char *without_gaps(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++)
		if (*s != ' ' ||
		    (s[1] && s[1] != ' ' && s[1] != '\n' && to > text && to[-1] != '\n'))
			*to++ = *s;
	*to = '\0';
	return text;
}

static enum outcome text_of(struct running *r, const struct template *t, const char *path,
    const char *key, const char **out)
{
	struct err e;
	char *text;

	*out = NULL;
	if (!t)
		return GOES_ON;
	text = template_text(t, r->data, r->s->mem, &e);
	if (!text)
		return broken(r, path, key, e.msg);
	*out = without_gaps(text);
	return GOES_ON;
}

static void add_words(struct running *r, const char *text)
{
	if (!text || text_blank(text))
		return;
	if (r->words.len)
		buf_adds(&r->words, " ");
	buf_adds(&r->words, text);
}

/* Calls. */

static enum outcome arguments(
    struct running *r, const struct tool_use *use, const char *path, json_t **out)
{
	json_t *args = json_in(r->s->mem, json_object());

	for (int i = 0; i < use->nargs; i++) {
		const struct argument *a = &use->args[i];
		json_t *v = a->literal;
		struct err e;

		if (a->value)
			v = expression_value(a->value, r->data, r->s->mem, &e);
		if (!v)
			return broken(r, path, arena_printf(r->s->mem, "args/%s", a->name), e.msg);
		if (json_is_null(v) && a->optional)
			continue;
		if (json_is_null(v))
			return broken(r, path, arena_printf(r->s->mem, "args/%s", a->name),
			    "it is nil, and the argument is not optional");
		json_object_set(args, a->name, v);
	}
	*out = args;
	return GOES_ON;
}

static void plan(struct model_call *list, int *n, const char *tool, json_t *args)
{
	for (int i = 0; i < *n; i++)
		if (!strcmp(list[i].name, tool) && json_equal(list[i].arguments, args))
			return;
	if (*n < CALLS_MAX)
		list[(*n)++] = (struct model_call){ .name = tool, .arguments = args };
}

/* Look-ups. */

/* The reason without "Tool NAME failed: ", which is for models. */
static const char *plain_reason(const struct model_done *d)
{
	const char *reason = d->reason ? d->reason : "no reason was given", *behind;

	if (!text_starts(reason, "Tool "))
		return reason;
	behind = strstr(reason, " failed: ");
	return behind ? behind + strlen(" failed: ") : reason;
}

struct looked_up {
	bool open;   /* there is no result yet */
	bool failed; /* or depends on one that did */
};

static enum outcome look_up(
    struct running *r, const struct look_up *l, struct looked_up *state, int nth, json_t *failed)
{
	const struct model_done *d;
	struct err e;
	json_t *args;
	int holds;

	for (int i = 0; i < nth; i++)
		if (l->after[i] && (state[i].open || state[i].failed)) {
			state[nth] = state[i];
			return GOES_ON;
		}
	holds = l->when ? expression_holds(l->when, r->data, &e) : 1;
	if (holds < 0)
		return broken(r, l->path, "when", e.msg);
	if (!holds)
		return GOES_ON;
	if (arguments(r, &l->use, l->path, &args) != GOES_ON)
		return BROKEN;
	d = step_done(r->s, l->use.tool, args);
	if (d && d->ok) {
		json_object_set(r->data, l->name, json_unconst(d->value));
	} else if (d || r->s->r->final) {
		state[nth].failed = !l->optional;
		if (!l->optional)
			json_object_set_new(failed, l->name,
			    json_string(d ? plain_reason(d) : "there was no time left"));
	} else {
		state[nth].open = true;
		plan(r->s->reads, &r->s->nreads, l->use.tool, args);
	}
	return GOES_ON;
}

static enum outcome look_ups(struct running *r, json_t *failed)
{
	const struct playbook_intent *intent = r->w->intent;
	struct looked_up *state = arena_array(r->s->mem, struct looked_up, intent->nlook_ups);
	bool open = false;

	for (int i = 0; i < intent->nlook_ups; i++) {
		if (look_up(r, &intent->look_ups[i], state, i, failed) != GOES_ON)
			return BROKEN;
		open |= state[i].open;
	}
	return open ? NEEDS_CALLS : GOES_ON;
}

/* The rows that share most words with the message; none when none shares any. */
static json_t *named_rows(struct step *s, const json_t *rows, const char *by, const char *message)
{
	struct words said = words_of(s->mem, message);
	json_t *best = json_in(s->mem, json_array()), *row;
	int most = 1;
	size_t i;

	json_array_foreach (rows, i, row) {
		int n = words_likeness(s->mem, &said, json_str_or(row, by, ""));

		if (n > most)
			json_array_clear(best);
		if (n < most)
			continue;
		most = n;
		json_array_append(best, row);
	}
	return best;
}

static enum outcome named(struct running *r)
{
	const struct playbook_intent *intent = r->w->intent;

	for (int i = 0; i < intent->nnamed; i++) {
		const struct named *n = &intent->named[i];
		struct err e;
		json_t *rows = expression_value(n->from, r->data, r->s->mem, &e);

		if (!rows)
			return broken(r, n->path, "from", e.msg);
		json_object_set(r->data, n->name, named_rows(r->s, rows, n->by, r->w->message));
	}
	return GOES_ON;
}

static enum outcome defines(struct running *r)
{
	const struct playbook_intent *intent = r->w->intent;

	for (int i = 0; i < intent->ndefines; i++) {
		struct err e;
		json_t *v = expression_value(intent->defines[i].value, r->data, r->s->mem, &e);

		if (!v)
			return broken(r, intent->defines[i].path, "", e.msg);
		json_object_set(r->data, intent->defines[i].name, v);
	}
	return GOES_ON;
}

/* Cases. */

static bool with_person(const struct step *s)
{
	return s->waiting || s->handing_over;
}

static json_t *question(
    struct running *r, const char *kind, const struct choice *c, const char *words)
{
	json_t *q = json_pack("{ss ss ss ss ss sO si}", "kind", kind, "intent", r->w->intent->name,
	    "path", c->path, "question", words, "message", r->w->message, "found",
	    json_object_get(r->data, "found"), "age", 0);

	json_array_append_new(r->s->asked, q);
	return q;
}

static json_t *option(const json_t *row, const struct choice *c)
{
	json_t *value = json_object_get(row, c->option_value),
	       *label = c->option_label ? json_object_get(row, c->option_label) : NULL;

	if (!value || json_is_null(value))
		return NULL;
	return json_pack("{sO sO}", "value", value, "label", label ? label : value);
}

static enum outcome options(struct running *r, const struct choice *c, json_t **out)
{
	const json_t *row;
	json_t *rows;
	struct err e;
	size_t i;

	*out = json_in(r->s->mem, json_array());
	if (!c->options)
		return GOES_ON;
	rows = expression_value(c->options, r->data, r->s->mem, &e);
	if (!rows)
		return broken(r, c->path, "options/from", e.msg);
	json_array_foreach (rows, i, row) {
		json_t *o = option(row, c);

		if (!o)
			return broken(r, c->path, "options/value",
			    arena_printf(
				r->s->mem, "item %zu has no \"%s\"", i + 1, c->option_value));
		json_array_append_new(*out, o);
	}
	return GOES_ON;
}

static enum outcome run_ask(struct running *r, const struct choice *c, const char *say)
{
	json_t *list, *q;

	if (!r->w->intent || (with_person(r->s) && r->w->intent->writes)) {
		r->s->note = NOTE_WITH_PERSON;
		return GOES_ON;
	}
	if (options(r, c, &list) != GOES_ON)
		return BROKEN;
	add_words(r, say);
	q = question(r, "ask", c, say);
	json_object_set_new(q, "slot", json_string(c->ask));
	json_object_set(q, "options", list);
	return GOES_ON;
}

/* A yes counts for the words it answered: when they would be others now, they are asked anew. */
static bool answered(const struct running *r, const struct choice *c, const char *said)
{
	return r->w->agreed && text_is(json_str(r->w->agreed, "path"), c->path) &&
	       text_is(json_str(r->w->agreed, "said"), said);
}

static enum outcome run_confirm(struct running *r, const struct choice *c, const char *say)
{
	const char *asks, *said;
	struct err e;
	int agreed;
	json_t *q;

	if (text_of(r, c->confirm, c->path, "confirm", &asks) != GOES_ON)
		return BROKEN;
	said = arena_printf(r->s->mem, "%s\n%s", say ? say : "", asks);
	agreed = c->agreed && !r->w->agreed ? expression_holds(c->agreed, r->data, &e) : 0;
	if (agreed < 0)
		return broken(r, c->path, "agreed", e.msg);
	if (agreed || answered(r, c, said))
		return run_choices(r, &c->yes);
	add_words(r, say);
	if (!r->w->intent || with_person(r->s)) {
		r->s->note = NOTE_WITH_PERSON;
		return GOES_ON;
	}
	add_words(r, asks);
	q = question(r, "confirm", c, asks);
	json_object_set_new(q, "said", json_string(said));
	return GOES_ON;
}

static enum outcome run_failed_call(
    struct running *r, const struct choice *c, const char *reason, bool unknown)
{
	json_object_set_new(r->data, "failed",
	    json_pack("{ss ss sb}", c->as, reason, "why", reason, "unknown", (int)unknown));
	return run_choices(r, &c->failed);
}

static enum outcome run_call(struct running *r, const struct choice *c)
{
	struct step *s = r->s;
	const struct model_done *d;
	json_t *args;

	if (arguments(r, &c->call, c->path, &args) != GOES_ON)
		return BROKEN;
	d = step_done(s, c->call.tool, args);
	if (d)
		s->used[d - s->r->done] = true;
	if (d && d->ok) {
		json_object_set(r->data, c->as, json_unconst(d->value));
		return run_choices(r, &c->ok);
	}
	if (d)
		return run_failed_call(r, c, plain_reason(d), d->unknown);
	if (c->call.write && s->waiting) {
		s->note = NOTE_WITH_PERSON;
		return GOES_ON;
	}
	if (s->r->final)
		return run_failed_call(r, c, "there was no time left to do it", false);
	if (c->call.write)
		plan(s->writes, &s->nwrites, c->call.tool, args);
	else
		plan(s->reads, &s->nreads, c->call.tool, args);
	return NEEDS_CALLS;
}

static enum outcome run_escalate(struct running *r, const struct choice *c)
{
	const char *reason, *summary, *handover;

	if (!c->escalates)
		return GOES_ON;
	if (text_of(r, c->reason, c->path, "escalate", &reason) != GOES_ON ||
	    text_of(r, c->summary, c->path, "escalate/summary", &summary) != GOES_ON ||
	    text_of(r, c->handover, c->path, "escalate/say", &handover) != GOES_ON)
		return BROKEN;
	step_wish(r->s, reason, summary, handover);
	return GOES_ON;
}

static enum outcome run_choice(struct running *r, const struct choice *c)
{
	const char *say;
	enum outcome o = GOES_ON;

	if (text_of(r, c->say, c->path, "say", &say) != GOES_ON)
		return BROKEN;
	if (c->ask) {
		o = run_ask(r, c, say);
	} else if (c->confirm) {
		o = run_confirm(r, c, say);
	} else {
		add_words(r, say);
		if (c->calls)
			o = run_call(r, c);
	}
	return o == GOES_ON ? run_escalate(r, c) : o;
}

static enum outcome run_choices(struct running *r, const struct choices *list)
{
	for (int i = 0; i < list->n; i++) {
		const struct choice *c = &list->list[i];
		struct err e;
		int holds = c->when ? expression_holds(c->when, r->data, &e) : 1;

		if (holds < 0)
			return broken(r, c->path, "when", e.msg);
		if (holds)
			return run_choice(r, c);
	}
	return GOES_ON;
}

/* Works. */

static enum outcome apologise(struct running *r, json_t *failed)
{
	const struct choices *own = r->w->intent ? &r->w->intent->failed : NULL;
	const char *name, *why = "";
	json_t *reason;

	json_object_foreach (failed, name, reason)
		why = arena_printf(
		    r->s->mem, "%s%s%s", why, *why ? "; " : "", json_string_value(reason));
	json_object_set_new(failed, "why", json_string(why));
	json_object_set_new(failed, "unknown", json_false()); /* look-ups leave nothing behind */
	json_object_set(r->data, "failed", failed);
	return run_choices(r, own && own->n ? own : &r->s->pb->failed);
}

static enum outcome run_intent(struct running *r)
{
	const struct playbook_intent *intent = r->w->intent;
	json_t *failed = json_in(r->s->mem, json_object());
	enum outcome o;

	if (intent->needs_customer && json_is_null(json_object_get(r->data, "customer"))) {
		const char *text;

		o = text_of(r, r->s->pb->texts[TEXT_SIGN_IN], "texts", "sign_in", &text);
		add_words(r, text);
		return o;
	}
	o = look_ups(r, failed);
	if (o != GOES_ON)
		return o;
	if (json_object_size(failed))
		return apologise(r, failed);
	if (named(r) != GOES_ON)
		return BROKEN;
	o = defines(r);
	return o == GOES_ON ? run_choices(r, &intent->cases) : o;
}

/* What it planned, asked and wished for before it broke must not count. */
struct mark {
	int nreads, nwrites;
	size_t nasked;
	struct wish wish;
	enum note note;
};

static struct mark mark(const struct step *s)
{
	return (struct mark){ s->nreads, s->nwrites, json_array_size(s->asked), s->wish, s->note };
}

static void back_to(struct step *s, struct mark m)
{
	s->nreads = m.nreads;
	s->nwrites = m.nwrites;
	while (json_array_size(s->asked) > m.nasked)
		json_array_remove(s->asked, json_array_size(s->asked) - 1);
	s->wish = m.wish;
	s->note = m.note;
}

static void recover(struct running *r, struct mark before)
{
	const char *why =
	    arena_printf(r->s->mem, "the playbook could not be followed at %s", r->s->trouble);
	json_t *failed = json_in(r->s->mem, json_pack("{ss}", "playbook", why));

	back_to(r->s, before);
	buf_clear(&r->words);
	if (apologise(r, failed) != GOES_ON) {
		back_to(r->s, before);
		buf_clear(&r->words);
	}
	step_wish(r->s, why, NULL, NULL);
}

void work_run(struct step *s, struct work *w)
{
	struct running r = { .s = s, .w = w, .data = step_data(s, w->found, w->message) };
	struct mark before = mark(s);
	enum outcome o = w->only ? run_choices(&r, w->only) : run_intent(&r);

	if (o == BROKEN)
		recover(&r, before);
	w->words = arena_strndup(s->mem, buf_str(&r.words), r.words.len);
	buf_done(&r.words);
}
