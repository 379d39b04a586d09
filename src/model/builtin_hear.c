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
};

/* Slots. */

static void add_new(json_t *list, json_t *value)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
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

static bool answer_ask(struct hearing *h, const json_t *question)
{
	const struct playbook_intent *intent = intent_of(h->s, question);
	const json_t *value = chosen(h, question);
	json_t *found;

	if (!intent || !value || words_ask(&h->s->words) || words_hold(&h->s->words, "not"))
		return false;
	if (h->s->words.n > SHORT_ANSWER && wants_other(h->s, intent->name))
		return false;
	found = json_in(h->s->mem, json_copy(json_object_get(question, "found")));
	json_object_set_new(found, json_str(question, "slot"), json_pack("[O]", value));
	h->whole |= h->s->words.n <= SHORT_ANSWER;
	return add_work(h->s, (struct work){ .intent = intent,
				  .found = found,
				  .resumed = true,
				  .message = json_str_or(question, "message", "") }) != NULL;
}

/* Answers to "shall I?". */

static enum yes_no answer_of(struct hearing *h, const json_t *question, bool *whole)
{
	struct words asked = words_of(h->s->mem, json_str_or(question, "question", ""));
	const char *intent = json_str(question, "intent");
	struct yes_no_hints hints = { .question = &asked,
		.says_yes = wants(h->s, "yes"),
		.says_no = wants(h->s, "no"),
		.same = wants(h->s, intent),
		.others = wants_other(h->s, intent) };

	return words_yes_no(&h->s->words, &hints, whole);
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

	json_array_foreach(yes, i, q)
	{
		if (wants(h->s, json_str(q, "intent"))) {
			named++;
			only = q;
		}
	}
	json_array_foreach(yes, i, q)
	{
		if ((all || (named == 1 && q == only)) && take_answer(h, q, YES))
			continue;
		h->which |= !all && named != 1;
		json_array_append(h->rest, (json_t *)q);
	}
}

static void take_answers(struct hearing *h)
{
	json_t *yes = json_in(h->s->mem, json_array()), *q;
	size_t i;

	json_array_foreach(h->open, i, q)
	{
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

/* What stays open: one turn longer when something else was answered, unless its wish was renewed.
 */
static void keep_open(struct hearing *h)
{
	json_t *kept = json_in(h->s->mem, json_array()), *q;
	size_t i;

	json_array_foreach(h->rest, i, q)
	{
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

	s->words = words_of(s->mem, s->r->message);
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
