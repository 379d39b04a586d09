#include "model/builtin_step.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* What a message means when questions are open.
 *
 * An open question is an object {kind: "ask" | "confirm", intent, path, question, found, age, ...}
 * that went out as `opaque` and has come back.  The message may answer it, speak of something else
 * (the question stays open for one more turn), or be unclear, and then the question is asked again:
 * an answer is never guessed.  Two unclear answers in a row, or three messages that no intent
 * explains, and a person is asked for. */

#define SHORT_ANSWER 6 /* words: what the classifier hears in so few is not trusted */

struct hearing {
	struct step *s;
	json_t *found;
	json_t *open; /* all questions that came back */
	json_t *rest; /* ... and are not answered by this message */
	bool whole;   /* the message was an answer and nothing else */
	bool which;   /* a yes that could be for several */

	/* "The trousers, and yes, cancel it": a clause answers this "which?" with this value, and
	 * the other questions are answered by the rest alone. */
	const json_t *named_for, *named;
	bool yes_first; /* "yes, the trousers": a yes to what? */
	struct words words;
};

/* Slots. */

static void add_new(json_t *list, json_t *value)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (json_equal(v, value)) {
			json_decref(value);
			return;
		}
	}
	json_array_append_new(list, value);
}

static json_t *values_of(struct step *s, const struct slot *slot)
{
	const char *text = s->r->message;
	size_t n = strlen(text), from = 0, start, end;
	json_t *list = json_array();

	while (pattern_find(slot->pattern, text, n, from, &start, &end)) {
		char *value = arena_strndup(s->mem, text + start, end - start);

		for (char *c = value; slot->upper && *c; c++)
			*c = (char)toupper((unsigned char)*c);
		add_new(list, json_string(value));
		from = end > from ? end : from + 1;
	}
	return list;
}

static json_t *slots_in(struct step *s)
{
	json_t *found = json_in(s->mem, json_object());

	for (int i = 0; i < s->pb->nslots; i++)
		json_object_set_new(found, s->pb->slots[i].name, values_of(s, &s->pb->slots[i]));
	return found;
}

/* Intents. */

static bool wants(const struct step *s, const char *intent)
{
	for (int i = 0; i < s->r->nintents; i++)
		if (text_is(s->r->intents[i].name, intent))
			return true;
	return false;
}

static bool is_answer_intent(const char *name)
{
	return text_is(name, "yes") || text_is(name, "no");
}

/* Does the message hold a wish beside this one? */
static bool wants_other(const struct step *s, const char *than)
{
	for (int i = 0; i < s->pb->nintents; i++) {
		const struct playbook_intent *intent = &s->pb->intents[i];

		if (!intent->alone && !is_answer_intent(intent->name) &&
		    !text_is(intent->name, than) && wants(s, intent->name))
			return true;
	}
	return false;
}

static struct work *add_work(struct step *s, struct work w)
{
	if (s->nworks == WORKS_MAX)
		return NULL;
	s->works[s->nworks] = w;
	return &s->works[s->nworks++];
}

static const struct playbook_intent *intent_of(const struct step *s, const json_t *question)
{
	int i = playbook_find(s->pb, json_str(question, "intent"));

	return i < 0 ? NULL : &s->pb->intents[i];
}

/* Answers to "which?". */

/* The value the message names: the one it spells out, or the option it describes. */
static const json_t *chosen(struct hearing *h, const json_t *question)
{
	const json_t *spelled = json_object_get(h->found, json_str_or(question, "slot", "")),
		     *options = json_object_get(question, "options");
	int i;

	if (json_array_size(spelled) == 1)
		return json_array_get(spelled, 0);
	if (json_array_size(spelled) > 1)
		return NULL;
	i = words_option(h->s->mem, &h->s->words, options);
	return i < 0 ? NULL : json_object_get(json_array_get(options, (size_t)i), "value");
}

/* Is an option of the question, or the one value spelled out, named in these words? */
static bool names_option(const struct hearing *h, const json_t *question, const struct words *w)
{
	const json_t *spelled = json_object_get(h->found, json_str_or(question, "slot", "")), *v;
	size_t i;

	json_array_foreach (spelled, i, v) {
		if (words_likeness(h->s->mem, w, json_string_value(v)))
			return true;
	}
	json_array_foreach (json_object_get(question, "options"), i, v) {
		if (words_likeness(h->s->mem, w, json_str_or(v, "label", "")))
			return true;
	}
	return false;
}

/* The value that this clause names, if it does nothing else. */
static const json_t *named_by(
    const struct hearing *h, const json_t *question, const struct words *clause)
{
	const json_t *spelled = json_object_get(h->found, json_str_or(question, "slot", "")),
		     *options = json_object_get(question, "options");
	int i;

	if (clause->n > SHORT_ANSWER || words_ask(clause) || words_hold(clause, "not") ||
	    !names_option(h, question, clause) || json_array_size(spelled) > 1)
		return NULL;
	if (json_array_size(spelled) == 1)
		return json_array_get(spelled, 0);
	i = words_option(h->s->mem, clause, options);
	return i < 0 ? NULL : json_object_get(json_array_get(options, (size_t)i), "value");
}

static enum yes_no answer_of(struct hearing *h, const json_t *question, bool *whole);

/* What stands beside the name must be clear as well: the answer to another question, or a wish in
 * plain words. */
static bool rest_is_clear(struct hearing *h, const json_t *question)
{
	static const char *const wavering[] = { "or", "maybe", "perhaps", "wait", NULL };
	static const char *const unclear[] = { "not", "dont", "no", "but", "except", "neither",
		"none", "only", "unless", "instead", NULL };
	json_t *q;
	size_t i;

	if (words_hold_any(&h->words, wavering))
		return false;
	json_array_foreach (h->open, i, q) {
		bool whole;

		if (text_is(json_str(q, "kind"), "confirm") && answer_of(h, q, &whole) != UNCLEAR)
			return true;
	}
	return !words_ask(&h->words) && !words_hold_any(&h->words, unclear) &&
	       wants_other(h->s, json_str_or(question, "intent", ""));
}

static void find_named(struct hearing *h, const json_t *question)
{
	const struct words *w = &h->s->words;

	if (w->question || w->too_many || words_clause(w, 0) == w->n)
		return;
	h->named_for = question;
	for (int from = 0, to; from < w->n; from = to) {
		struct words clause;

		to = words_clause(w, from);
		clause = words_part(w, from, to);
		h->named = named_by(h, question, &clause);
		h->words = words_without(w, from, to);
		h->yes_first = from > 0;
		if (h->named && !names_option(h, question, &h->words) && rest_is_clear(h, question))
			return;
	}
	h->named_for = h->named = NULL;
	h->yes_first = false;
	h->words = *w;
}

static bool answer_ask(struct hearing *h, const json_t *question)
{
	const struct playbook_intent *intent = intent_of(h->s, question);
	const json_t *value = question == h->named_for ? h->named : chosen(h, question);
	json_t *found;

	if (!intent || !value)
		return false;
	if (question != h->named_for &&
	    (words_ask(&h->s->words) || words_hold(&h->s->words, "not") ||
		(h->s->words.n > SHORT_ANSWER && wants_other(h->s, intent->name))))
		return false;
	found = json_in(h->s->mem, json_copy(json_object_get(question, "found")));
	json_object_set_new(found, json_str(question, "slot"), json_pack("[O]", value));
	h->whole |= !h->named && h->s->words.n <= SHORT_ANSWER;
	return add_work(h->s, (struct work){ .intent = intent,
				  .found = found,
				  .resumed = true,
				  .message = json_str_or(question, "message", "") }) != NULL;
}

/* Answers to "shall I?". */

/* Is there a "which?" among the open questions? */
static bool asked_which(const struct hearing *h)
{
	const json_t *q;
	size_t i;

	json_array_foreach (h->open, i, q) {
		if (text_is(json_str(q, "kind"), "ask"))
			return true;
	}
	return false;
}

static enum yes_no answer_of(struct hearing *h, const json_t *question, bool *whole)
{
	struct words asked = words_of(h->s->mem, json_str_or(question, "question", ""));
	const char *intent = json_str(question, "intent");
	bool which = asked_which(h);
	struct yes_no_hints hints = { .question = &asked,
		.says_yes = wants(h->s, "yes"),
		.says_no = wants(h->s, "no"),
		.same = wants(h->s, intent),
		.others = !h->named && wants_other(h->s, intent),
		.several = !which && json_array_size(h->open) > 1 };
	enum yes_no answer = words_yes_no(&h->words, &hints, whole);

	/* "Both" may be the orders, and "yes, the stove" is about the stove. */
	if (answer == YES && !hints.same && which && (words_mean_all(&h->words) || h->yes_first))
		return UNCLEAR;
	return answer;
}

static const struct choice *find_choice(const struct choices *list, const char *path)
{
	for (int i = 0; i < list->n; i++) {
		const struct choice *c = &list->list[i], *found = NULL;
		const struct choices *inner[] = { &c->ok, &c->failed, &c->yes, &c->no };

		if (text_is(c->path, path))
			return c;
		for (int k = 0; k < 4 && !found; k++)
			found = find_choice(inner[k], path);
		if (found)
			return found;
	}
	return NULL;
}

static bool take_answer(struct hearing *h, const json_t *question, enum yes_no answer)
{
	const struct playbook_intent *intent = intent_of(h->s, question);
	const struct choice *c =
	    intent ? find_choice(&intent->cases, json_str(question, "path")) : NULL;
	struct work w = { .found = json_object_get(question, "found"),
		.resumed = true,
		.message = json_str_or(question, "message", "") };

	if (!c || !c->no.n) /* the playbook has changed since */
		return false;
	w.intent = intent;
	if (answer == YES)
		w.agreed = question;
	else
		w.only = &c->no;
	return add_work(h->s, w) != NULL;
}

/* A yes that fits several questions is for the one whose wish it repeats, or for all when it says
 * so; else nobody knows. */
static void settle_yes(struct hearing *h, const json_t *yes)
{
	const json_t *q, *only = NULL;
	bool all = json_array_size(yes) == 1 || words_mean_all(&h->s->words);
	int named = 0;
	size_t i;

	json_array_foreach (yes, i, q) {
		if (wants(h->s, json_str(q, "intent"))) {
			named++;
			only = q;
		}
	}
	json_array_foreach (yes, i, q) {
		if ((all || (named == 1 && q == only)) && take_answer(h, q, YES))
			continue;
		h->which |= !all && named != 1;
		json_array_append(h->rest, json_unconst(q));
	}
}

static void take_answers(struct hearing *h)
{
	json_t *yes = json_in(h->s->mem, json_array()), *q;
	size_t i;

	json_array_foreach (h->open, i, q) {
		if (!h->named && text_is(json_str(q, "kind"), "ask"))
			find_named(h, q);
	}
	json_array_foreach (h->open, i, q) {
		bool whole = false;
		enum yes_no answer;

		if (!text_is(json_str(q, "kind"), "confirm")) {
			if (!answer_ask(h, q))
				json_array_append(h->rest, q);
			continue;
		}
		answer = answer_of(h, q, &whole);
		h->whole |= answer != UNCLEAR && whole;
		if (answer == YES)
			json_array_append(yes, q);
		else if (answer == UNCLEAR || !take_answer(h, q, NO))
			json_array_append(h->rest, q);
	}
	settle_yes(h, yes);
}

/* New wishes. */

static bool worked_on(const struct step *s, const struct playbook_intent *intent)
{
	for (int i = 0; i < s->nworks; i++)
		if (s->works[i].intent == intent)
			return true;
	return false;
}

/* Keep the works for which keep() holds, in their order. */
static void only_works(struct step *s, bool (*keep)(const struct work *w))
{
	int n = 0;

	for (int i = 0; i < s->nworks; i++)
		if (keep(&s->works[i]))
			s->works[n++] = s->works[i];
	s->nworks = n;
}

static bool takes_over(const struct work *w)
{
	return w->intent && w->intent->takes_over && !w->resumed;
}

static bool not_alone(const struct work *w)
{
	return !w->intent || !w->intent->alone;
}

static bool any_work(const struct step *s, bool (*is)(const struct work *w))
{
	for (int i = 0; i < s->nworks; i++)
		if (is(&s->works[i]))
			return true;
	return false;
}

static void take_wishes(struct hearing *h)
{
	struct step *s = h->s;

	for (int i = 0; i < s->pb->nintents; i++) {
		const struct playbook_intent *intent = &s->pb->intents[i];

		if (!wants(s, intent->name) || worked_on(s, intent) ||
		    (h->whole && !intent->takes_over) ||
		    (is_answer_intent(intent->name) && json_array_size(h->open)))
			continue;
		add_work(s,
		    (struct work){ .intent = intent, .found = h->found, .message = s->r->message });
	}
	if (any_work(s, takes_over)) {
		only_works(s, takes_over);
		json_array_clear(h->rest);
	}
	if (any_work(s, not_alone))
		only_works(s, not_alone);
}

/* In the order of the playbook, whatever was answered first. */
static void sort_works(struct step *s)
{
	for (int i = 1; i < s->nworks; i++)
		for (int k = i; k > 0 && s->works[k].intent < s->works[k - 1].intent; k--) {
			struct work w = s->works[k];

			s->works[k] = s->works[k - 1];
			s->works[k - 1] = w;
		}
}

/* What stays open: a turn longer when something else was answered, unless it was renewed. */
static void keep_open(struct hearing *h)
{
	json_t *kept = json_in(h->s->mem, json_array()), *q;
	size_t i;

	json_array_foreach (h->rest, i, q) {
		json_int_t age = json_int(q, "age", 0);
		json_t *older;

		if (!intent_of(h->s, q) || worked_on(h->s, intent_of(h->s, q)) || age > 0)
			continue;
		older = json_copy(q);
		json_object_set_new(older, "age", json_integer(age + 1));
		json_array_append_new(kept, older);
	}
	h->s->kept = kept;
	h->s->remind = true;
}

static void give_up(struct step *s)
{
	s->lost = NOT_LOST;
	s->lost_before = 0;
	s->kept = NULL;
	add_work(s, (struct work){ .only = &s->pb->give_up, .message = s->r->message });
}

static void not_understood(struct hearing *h)
{
	struct step *s = h->s;

	s->kept = h->rest;
	s->lost = s->waiting                 ? LOST_WAITING
		  : h->which                 ? LOST_WHICH
		  : json_array_size(h->rest) ? LOST_AGAIN
					     : LOST_CLARIFY;
	if (s->waiting)
		return;
	if (s->lost_before >= (s->lost == LOST_CLARIFY ? 2 : 1))
		give_up(s);
	else
		s->lost_before++;
}

static const struct mention *mood_of(const struct step *s)
{
	for (int i = 0; i < s->pb->nmoods; i++)
		if (words_hold_any(&s->words, s->pb->moods[i].words))
			return &s->pb->moods[i];
	return NULL;
}

void hear(struct step *s)
{
	struct hearing h = { .s = s,
		.found = slots_in(s),
		.open = json_object_get(s->r->opaque, "open"),
		.rest = json_in(s->mem, json_array()) };

	s->words = h.words = words_of(s->mem, s->r->message);
	s->lost_before = (int)json_int(s->r->opaque, "lost", 0);
	s->told = s->waiting && json_flag(s->r->opaque, "told");
	s->mood = mood_of(s);
	take_answers(&h);
	take_wishes(&h);
	sort_works(s);
	if (!s->nworks) {
		not_understood(&h);
		return;
	}
	s->lost_before = 0;
	keep_open(&h);
}
