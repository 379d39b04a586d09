#include "agent/turn.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* The decision that a person is needed: a kind, the rule that fired, a reason in plain words.  A
 * new rule is a function here and a call of escalate(). */

json_t *escalation_event(
    struct turn *t, const char *kind, const char *rule, const char *reason, const char *summary)
{
	json_t *data = json_pack("{ss ss ss}", "kind", kind, "reason", reason, "rule", rule);

	if (!data)
		bug("an escalation's reason is not UTF-8");
	json_put_str(data, "summary", summary);
	log_info("conversation %s: %s (%s)", conversation_id(t->c), kind, rule);
	return data;
}

static int escalate(struct turn *t, const char *kind, const char *rule, const char *reason,
    const char *summary, struct err *e)
{
	json_t *data = escalation_event(t, kind, rule, reason, summary);

	return turn_append(t, &(struct draft){ EVENT_ESCALATED, data, NULL }, 1, e);
}

/* Once for each intent, until somebody has looked. */
static int on_intent(struct turn *t, const struct intent_rule *r, struct err *e)
{
	const char *rule = arena_printf(t->mem, "intent_%s", r->intent);
	const json_t *found;
	size_t i;

	json_array_foreach (turn_head(t)->intents, i, found) {
		if (!text_is(json_str(found, "name"), r->intent) ||
		    head_pending(turn_head(t), rule))
			continue;
		return escalate(t, r->kind, rule,
		    arena_printf(
			t->mem, "the customer's wish (%s) always needs a person", r->intent),
		    NULL, e);
	}
	return 0;
}

int escalate_on_message(struct turn *t, struct err *e)
{
	const struct agent_config *cf = &t->agent->config;

	if (turn_head(t)->owner != OWNER_AI)
		return 0;
	for (int i = 0; i < cf->nintent_rules; i++)
		if (on_intent(t, &cf->intent_rules[i], e) < 0)
			return -1;
	if (cf->turns_max && turn_head(t)->turns >= cf->turns_max &&
	    turn_head(t)->owner == OWNER_AI)
		return escalate(t, "handoff", "turns",
		    arena_printf(t->mem, "more than %d turns without a resolution", cf->turns_max),
		    NULL, e);
	return 0;
}

/* A tool that was down and did not come back in this turn: the AI has said so; a person looks at
 * it. */
json_t *escalation_at_end(struct turn *t)
{
	const struct turn_log *log = turn_log(t);

	if (turn_head(t)->escalation.pending)
		return NULL;
	for (int i = 0; i < log->ncalls; i++) {
		bool recovered = false;

		if (log->calls[i].ok || !log->calls[i].retry)
			continue;
		for (int k = i + 1; k < log->ncalls; k++)
			recovered |=
			    log->calls[k].ok && text_is(log->calls[k].name, log->calls[i].name);
		if (!recovered)
			return escalation_event(t, "review", "tool_failed",
			    arena_printf(t->mem, "%s did not work", log->calls[i].name), NULL);
	}
	return NULL;
}
