#include "model/builtin_step.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A step of the embedded model: hear, run, and say what comes of it.
 *
 * In this order, one kind a step: what is to be read, for all wishes together; what is to be
 * written; asking for a person; the words.  Since each step is a function of the request alone,
 * the order is all there is to remember. */

#define ESCALATE "escalate_to_human"

struct builtin {
	struct model model;
	struct playbook *pb;
};

/* What the step stands on. */

const struct model_done *step_done(const struct step *s, const char *tool, const json_t *args)
{
	for (int i = 0; i < s->r->ndone; i++) {
		const struct model_done *d = &s->r->done[i];

		if (!strcmp(d->name, tool) && (!args || json_equal(d->arguments, args)))
			return d;
	}
	return NULL;
}

bool step_foreign(const struct model_done *d)
{
	return d->by && !text_is(d->by, "builtin");
}

void step_wish(struct step *s, const char *reason, const char *summary, const char *handover)
{
	struct wish *w = &s->wish;

	if (!w->reasons)
		w->reasons = reason;
	else if (!strstr(w->reasons, reason))
		w->reasons = arena_printf(s->mem, "%s; %s", w->reasons, reason);
	if (!w->summary)
		w->summary = summary;
	if (!w->handover)
		w->handover = handover;
}

static json_t *intent_names(const struct model_request *r)
{
	json_t *list = json_array();

	for (int i = 0; i < r->nintents; i++)
		json_array_append_new(list, json_string(r->intents[i].name));
	return list;
}

static json_t *member(const json_t *object, const char *key)
{
	json_t *v = json_object_get(object, key);

	return v ? json_incref(v) : json_null();
}

static json_t *mentions(const struct step *s, const char *message)
{
	struct words words = words_of(s->mem, message);
	json_t *out = json_object();

	for (int i = 0; i < s->pb->nmentions; i++)
		json_object_set_new(out, s->pb->mentions[i].name,
		    json_boolean(words_hold_any(&words, s->pb->mentions[i].words)));
	return out;
}

static json_t *common_data(const struct step *s)
{
	const json_t *state = s->r->state;
	json_t *data = json_pack("{so so so so so so ss?}", "customer", member(state, "customer"),
	    "profile", member(state, "profile"), "owner", member(state, "owner"), "escalation",
	    member(state, "escalation"), "now", member(state, "now"), "intents", intent_names(s->r),
	    "mood", s->mood ? s->mood->name : NULL);

	return json_in(s->mem, data);
}

/* A slot has a value when exactly one was found. */
json_t *step_data(const struct step *s, const json_t *found, const char *message)
{
	json_t *data = json_in(s->mem, json_copy(s->common)), *slots = json_object(),
	       *lists = json_object();

	for (int i = 0; i < s->pb->nslots; i++) {
		const char *name = s->pb->slots[i].name;
		json_t *values = json_object_get(found, name);

		json_object_set_new(slots, name,
		    json_array_size(values) == 1 ? json_incref(json_array_get(values, 0))
						 : json_null());
		json_object_set_new(lists, name, values ? json_incref(values) : json_array());
	}
	json_object_set_new(data, "message", json_string(message));
	json_object_set_new(data, "mentions", mentions(s, message));
	json_object_set_new(data, "slots", slots);
	json_object_set_new(data, "found", lists);
	return data;
}

/* Asking for a person. */

static const char *list_calls(const struct step *s, bool ok)
{
	const char *list = "";

	for (int i = 0; i < s->r->ndone; i++)
		if (s->r->done[i].ok == ok)
			list = arena_printf(
			    s->mem, "%s%s%s", list, *list ? ", " : "", s->r->done[i].name);
	return *list ? list : "nothing";
}

static const char *default_summary(const struct step *s)
{
	size_t n = strlen(s->r->message);

	return arena_printf(s->mem, "The customer wrote: \"%.*s\". Worked: %s. Failed: %s.",
	    (int)text_utf8_cut(s->r->message, n, 400), s->r->message, list_calls(s, true),
	    list_calls(s, false));
}

static struct model_call escalation(const struct step *s)
{
	const char *summary = s->wish.summary ? s->wish.summary : default_summary(s);

	return (struct model_call){ .name = ESCALATE,
		.arguments = json_in(
		    s->mem, json_pack("{ss ss}", "reason", s->wish.reasons, "summary", summary)) };
}

/* Words. */

static const char *plain_text(struct step *s, const struct template *t, json_t *data)
{
	struct err e;
	const char *text = template_text(t, data, s->mem, &e);

	if (!text)
		s->trouble = arena_strdup(s->mem, e.msg);
	return text ? text : "";
}

static const char *named_text(struct step *s, enum playbook_text which)
{
	return plain_text(s, s->pb->texts[which], step_data(s, NULL, s->r->message));
}

static void paragraph(struct buf *out, const char *text)
{
	if (text_blank(text))
		return;
	if (out->len)
		buf_adds(out, "\n\n");
	buf_adds(out, text);
}

/* The feeling first, in one clause: that of the message, else that of its first wish. */
static const char *opening(struct step *s)
{
	bool fresh = s->lost == LOST_CLARIFY || s->lost == LOST_WAITING;
	const struct template *own = NULL;

	for (int i = 0; i < s->nworks; i++) {
		const struct work *w = &s->works[i];

		fresh |= !w->resumed;
		if (!own && w->intent && !w->resumed)
			own = w->intent->acknowledge;
	}
	if (fresh && s->mood && s->mood->say)
		own = s->mood->say;
	return own ? plain_text(s, own, step_data(s, NULL, s->r->message)) : "";
}

static const char *person_text(struct step *s)
{
	const struct model_done *d = step_done(s, ESCALATE, NULL);

	if (!s->wish.reasons && s->note == NOTE_NONE && s->lost != LOST_WAITING)
		return d && d->ok && step_foreign(d) ? named_text(s, TEXT_HANDOVER) : "";
	if (!s->wish.reasons || (s->waiting && s->told))
		return named_text(s, TEXT_WITH_PERSON);
	if (d && !d->ok)
		return named_text(s, TEXT_HANDOVER_FAILED);
	return s->wish.handover ? s->wish.handover : named_text(s, TEXT_HANDOVER);
}

/* The texts that ask again. */
static void add_open(struct step *s, struct buf *out, enum playbook_text which)
{
	const json_t *q;
	size_t i;

	json_array_foreach (s->kept, i, q) {
		json_t *data = step_data(s, NULL, s->r->message);

		json_object_set(data, "question", json_object_get(q, "question"));
		paragraph(out, plain_text(s, s->pb->texts[which], data));
		if (which == TEXT_AGAIN)
			which = TEXT_STILL_OPEN;
	}
}

static void add_which(struct step *s, struct buf *out)
{
	json_t *data = step_data(s, NULL, s->r->message), *questions = json_array();
	const json_t *q;
	size_t i;

	json_array_foreach (s->kept, i, q)
		json_array_append(questions, json_object_get(q, "question"));
	json_object_set_new(data, "questions", questions);
	paragraph(out, plain_text(s, s->pb->texts[TEXT_WHICH], data));
}

static void add_questions(struct step *s, struct buf *out)
{
	switch (s->lost) {
	case NOT_LOST:
		if (!s->wish.reasons && !s->waiting)
			add_open(s, out, TEXT_STILL_OPEN);
		break;
	case LOST_AGAIN: add_open(s, out, TEXT_AGAIN); break;
	case LOST_WHICH: add_which(s, out); break;
	case LOST_CLARIFY:
		paragraph(out, plain_text(s, s->pb->clarify[s->lost_before > 1],
				   step_data(s, NULL, s->r->message)));
		break;
	case LOST_WAITING: break;
	}
}

/* Two wishes that end in the same words (sign in first) say them once. */
static bool said_before(const struct step *s, int nth)
{
	for (int i = 0; i < nth; i++)
		if (!strcmp(s->works[i].words, s->works[nth].words))
			return true;
	return false;
}

static const char *words(struct step *s)
{
	struct buf out = { 0 };
	const char *first = opening(s), *text;

	for (int i = 0; i < s->nworks; i++) {
		const char *own = said_before(s, i) ? "" : s->works[i].words;

		if (!text_blank(own) && !out.len && !text_blank(first))
			own = arena_printf(s->mem, "%s %s", first, own);
		paragraph(&out, own);
	}
	if (!out.len)
		paragraph(&out, first);
	paragraph(&out, person_text(s));
	add_questions(s, &out);
	text = arena_strndup(s->mem, buf_str(&out), out.len);
	buf_done(&out);
	return text;
}

/* What comes back with the next message; an empty object closes what was open before. */
static json_t *left_open(const struct step *s)
{
	json_t *open = json_array(), *out = json_in(s->mem, json_object());
	bool person = s->wish.reasons || s->waiting;

	if (!person || s->lost == LOST_WAITING)
		json_array_extend(open, json_unconst(s->kept));
	json_array_extend(open, s->asked);
	if (json_array_size(open))
		json_object_set_new(out, "open", open);
	else
		json_decref(open);
	if (s->lost_before)
		json_object_set_new(out, "lost", json_integer(s->lost_before));
	if (s->wish.reasons || s->told || s->note != NOTE_NONE || s->lost == LOST_WAITING)
		json_object_set_new(out, "told", json_true());
	return out;
}

/* The step. */

static void run_works(struct step *s)
{
	s->nreads = s->nwrites = 0;
	s->wish = (struct wish){ 0 };
	s->note = NOTE_NONE;
	s->trouble = NULL;
	memset(s->used, 0, sizeof(*s->used) * (size_t)s->r->ndone);
	json_array_clear(s->asked);
	for (int i = 0; i < s->nworks; i++)
		work_run(s, &s->works[i]);
}

static bool writes(const struct step *s, const char *tool)
{
	for (int i = 0; i < s->r->ntools; i++)
		if (!strcmp(s->r->tools[i].name, tool))
			return s->r->tools[i].write;
	return false;
}

/* A change that another model made earlier in this turn, and that the playbook did not come by. */
static const char *foreign_act(const struct step *s)
{
	for (int i = 0; i < s->r->ndone; i++) {
		const struct model_done *d = &s->r->done[i];

		if ((d->ok || d->unknown) && !s->used[i] && step_foreign(d) && writes(s, d->name))
			return d->name;
	}
	return NULL;
}

/* The playbook's words are about a world without it, and its calls could make it a second time:
 * somebody who can read what was done goes on. */
static void leave_to_person(struct step *s, const char *tool)
{
	for (int i = 0; i < s->nworks; i++)
		s->works[i].words = "";
	s->nwrites = 0;
	s->note = NOTE_NONE;
	s->lost = NOT_LOST;
	s->wish = (struct wish){ 0 };
	json_array_clear(s->asked);
	step_wish(s,
	    arena_printf(s->mem,
		"%s was called in this turn, and the model that did so could not finish its answer",
		tool),
	    NULL, NULL);
}

static struct step step_new(
    const struct playbook *pb, const struct model_request *r, struct arena *mem)
{
	struct step s = { .pb = pb,
		.r = r,
		.mem = mem,
		.asked = json_in(mem, json_array()),
		.used = arena_array(mem, bool, r->ndone) };

	s.waiting =
	    text_is(json_str(r->state, "owner"), "waiting") && !step_done(&s, ESCALATE, NULL);
	hear(&s);
	s.common = common_data(&s);
	run_works(&s);
	/* Somebody is needed: then no question is asked whose yes nobody would carry out. */
	if (s.wish.reasons && !s.nreads && !s.nwrites) {
		s.handing_over = true;
		run_works(&s);
	}
	if (!s.nreads && foreign_act(&s))
		leave_to_person(&s, foreign_act(&s));
	return s;
}

static void calls(struct step *s, const struct model_call *list, int n, struct model_answer *out)
{
	out->stop = MODEL_CALLS;
	out->text = "";
	out->calls = arena_memdup(s->mem, list, sizeof(*list) * (size_t)n);
	out->ncalls = n;
}

static int say(
    struct step *s, const struct model_sink *sink, struct model_answer *out, struct err *e)
{
	out->stop = MODEL_DONE;
	out->text = words(s);
	if (s->trouble)
		log_warn("playbook: an expression cannot be evaluated (handed over): %.*s",
		    (int)strcspn(s->trouble, ":"), s->trouble);
	if (text_blank(out->text))
		return err_set(e, ERR_INVALID, "the playbook has no words for this message%s%s",
		    s->trouble ? ": " : "", s->trouble ? s->trouble : "");
	out->opaque = left_open(s);
	return sink && sink->text ? sink->text(sink->self, out->text, strlen(out->text), e) : 0;
}

static int complete(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	const struct builtin *b = container_of(m, const struct builtin, model);
	struct step s = step_new(b->pb, r, mem);
	struct model_call person;

	*out = (struct model_answer){ 0 };
	if (s.nreads) {
		calls(&s, s.reads, s.nreads, out);
	} else if (s.nwrites) {
		calls(&s, s.writes, s.nwrites, out);
	} else if (s.wish.reasons && !s.waiting && !r->final && !step_done(&s, ESCALATE, NULL)) {
		person = escalation(&s);
		calls(&s, &person, 1, out);
	} else {
		return say(&s, sink, out, e);
	}
	return 0;
}

static void free_builtin(struct model *m)
{
	struct builtin *b = container_of(m, struct builtin, model);

	playbook_free(b->pb);
	free(b);
}

static const struct model_class builtin_class = {
	.name = "builtin", .complete = complete, .free = free_builtin, .takes_no_tokens = true
};

struct model *builtin_new(const json_t *playbook, const struct builtin_context *ctx)
{
	struct playbook *pb = playbook_read(playbook, ctx);
	struct builtin *b;

	if (!pb)
		return NULL;
	b = mem_new(struct builtin);
	b->model = (struct model){ .class = &builtin_class, .name = "builtin" };
	b->pb = pb;
	return &b->model;
}
