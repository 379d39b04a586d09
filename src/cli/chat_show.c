#include "cli/chat.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* The log of a conversation, event by event (docs/api.md, Events).
 *
 * Of a turn that somebody waits for each sentence and look-up is shown as it comes; of any other
 * (one that was left, or that a decision of a colleague's started) what was said, as a whole. */

static bool same_turn(const struct show *s, const json_t *event)
{
	return s->turn && text_is(s->turn, json_str_or(event, "turn", ""));
}

/* What was kept of the turn before is of no use any more. */
static void in_turn(struct show *s, const json_t *event)
{
	if (same_turn(s, event))
		return;
	s->turn = arena_strdup(s->mem, json_str_or(event, "turn", ""));
	s->escalated = 0;
	buf_clear(&s->said);
}

static void ai_speaks(struct show *s)
{
	if (s->person)
		screen_note(s->screen, "The assistant is back.");
	s->person = NULL;
}

static void on_part(struct show *s, const json_t *event, const json_t *data)
{
	const char *content = json_str_or(data, "content", "");

	if (!s->waiting)
		return;
	in_turn(s, event);
	ai_speaks(s);
	buf_adds(&s->said, content);
	screen_say(s->screen, "AI", content);
}

/* The whole of it begins with what was said already. */
static void on_reply(struct show *s, const json_t *event, const char *content)
{
	size_t had = same_turn(s, event) ? s->said.len : 0;

	ai_speaks(s);
	if (had && strncmp(content, s->said.data, had) != 0) {
		screen_said(s->screen);
		had = 0;
	}
	screen_say(s->screen, "AI", content + had);
	screen_said(s->screen);
	buf_clear(&s->said);
}

static void on_person(struct show *s, const json_t *data, const char *content)
{
	const char *name = json_str_or(data, "author", "A colleague");

	if (!text_is(name, s->person))
		screen_note(s->screen, "%s has joined the conversation.", name);
	s->person = arena_strdup(s->mem, name);
	screen_say(s->screen, name, content);
	screen_said(s->screen);
}

static void on_message(struct show *s, const json_t *event, const json_t *data)
{
	const char *role = json_str_or(data, "role", ""),
		   *content = json_str_or(data, "content", "");

	if (text_is(role, "ai"))
		on_reply(s, event, content);
	else if (text_is(role, "person"))
		on_person(s, data, content);
	else if (text_is(role, "system"))
		screen_note(s->screen, "%s", content);
	else if (json_flag(data, "masked"))
		screen_note(
		    s->screen, "What looked like a card number was masked before it was kept.");
}

static void on_step(struct show *s, const json_t *event, const json_t *data)
{
	json_t *call;
	size_t i;

	in_turn(s, event);
	if (!s->waiting)
		return;
	json_array_foreach (json_object_get(data, "calls"), i, call) {
		screen_lookup(s->screen, json_str_or(call, "id", ""),
		    json_str_or(call, "shown", json_str_or(call, "name", "")));
	}
}

static void on_result(struct show *s, const json_t *event, const json_t *data)
{
	(void)event;
	screen_looked(s->screen, json_str_or(data, "call", ""), json_flag(data, "ok"));
}

/* Of several in a turn the weightiest is said, after the answer. */
static const struct {
	const char *kind, *words;
} escalations[] = {
	{ "", "" },
	{ "review", "A colleague will look this over afterwards." },
	{ "approval", "A colleague has to decide on this. You will read the decision here." },
	{ "handoff", "A colleague will take over and answer you here." },
};

static void on_escalated(struct show *s, const json_t *event, const json_t *data)
{
	const char *kind = json_str_or(data, "kind", "");
	int weight = 0;

	for (size_t i = 1; i < array_len(escalations); i++)
		if (text_is(escalations[i].kind, kind))
			weight = (int)i;
	if (!json_str(event, "turn") && weight)
		screen_note(s->screen, "%s", escalations[weight].words);
	if (!json_str(event, "turn"))
		return;
	in_turn(s, event);
	if (weight > s->escalated)
		s->escalated = weight;
}

static void on_turn_ended(struct show *s, const json_t *event, const json_t *data)
{
	(void)data;
	in_turn(s, event);
	screen_said(s->screen);
	if (s->escalated)
		screen_note(s->screen, "%s", escalations[s->escalated].words);
	s->escalated = 0;
	s->ended = s->turn;
}

static const struct {
	const char *kind;
	void (*fn)(struct show *s, const json_t *event, const json_t *data);
} kinds[] = {
	{ "message", on_message },
	{ "reply.part", on_part },
	{ "model.step", on_step },
	{ "tool.result", on_result },
	{ "escalated", on_escalated },
	{ "turn.ended", on_turn_ended },
};

void show_event(void *self, const json_t *event)
{
	struct show *s = self;
	const char *kind = json_str_or(event, "kind", "");

	for (size_t i = 0; i < array_len(kinds); i++)
		if (text_is(kinds[i].kind, kind))
			kinds[i].fn(s, event, json_object_get(event, "data"));
	signal_wake_all(s->changed);
}

void show_leave(struct show *s)
{
	s->waiting = false;
	screen_said(s->screen);
	buf_clear(&s->said); /* its reply comes as a whole */
}
